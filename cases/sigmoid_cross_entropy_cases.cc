#include "cases/all_cases.h"

namespace gradus::cases {

void add_sigmoid_cross_entropy_cases(std::vector<OpCase>& cases) {
  const std::vector<DType> floating = kCaseDTypes;
  const char* op = "SigmoidCrossEntropyWithLogits";
  cases.push_back(
      {.op = op, .name = "matrix", .operands = {real({3, 4}, 0, 1), real({3, 4}, -4, 4)}, .dtypes = floating});
  cases.push_back({.op = op, .name = "scalar", .operands = {real({}, 0, 1), real({}, -2, 2)}, .dtypes = floating});
  // Labels outside [0, 1] make it no cross entropy, but a function all the same.
  cases.push_back(
      {.op = op, .name = "any_labels", .operands = {real({2, 3}, -2, 2), real({2, 3}, -1, 1)}, .dtypes = floating});
  cases.push_back({.op = op, .name = "empty", .operands = {real({0, 3}), real({0, 3})}, .dtypes = floating});
  cases.push_back({.op = op,
                   .name = "several_chunks",
                   .operands = {real({35000}, 0, 1), real({35000}, -8, 8)},
                   .dtypes = floating});
}

}  // namespace gradus::cases
