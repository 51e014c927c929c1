// Cases of the source ops that compute something.
#include "cases/all_cases.h"

namespace gradus::cases {

void add_source_cases(std::vector<OpCase>& cases) {
  const std::vector<DType> floating = kCaseDTypes;
  cases.push_back({.op = "Identity", .name = "matrix", .operands = {real({2, 3})}, .dtypes = floating});
  cases.push_back({.op = "Identity", .name = "scalar", .operands = {real({})}});
  cases.push_back({.op = "Identity", .name = "empty", .operands = {real({0, 3})}});
  cases.push_back({.op = "StopGradient", .name = "matrix", .operands = {real({2, 3})}, .dtypes = floating});
  for (const char* op : {"Assign", "AssignAdd", "AssignSub"}) {
    cases.push_back({.op = op, .name = "matrix", .operands = {real({2, 3}), real({2, 3})}, .dtypes = floating});
  }
}

}  // namespace gradus::cases
