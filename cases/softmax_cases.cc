#include "cases/all_cases.h"
#include "gradus/ops/softmax.h"

namespace gradus::cases {

void add_softmax_cases(std::vector<OpCase>& cases) {
  const std::vector<DType> floating = kCaseDTypes;
  struct Named {
    const char* name;
    Shape shape;
    double low, high;
  };
  for (const char* op : {"Softmax", "LogSoftmax"}) {
    for (const Named& n : std::vector<Named>{{"matrix", {3, 4}, -2, 2},
                                             {"vector", {5}, -2, 2},
                                             {"rank3", {2, 3, 2}, -2, 2},
                                             {"one_class", {3, 1}, -2, 2},
                                             {"large_logits", {2, 3}, -30, 30},
                                             {"no_rows", {0, 4}, -1, 1},
                                             {"no_classes", {2, 0}, -1, 1}}) {
      cases.push_back({.op = op, .name = n.name, .operands = {real(n.shape, n.low, n.high)}, .dtypes = floating});
    }
  }
  cases.push_back({.op = "SoftmaxCrossEntropyWithLogits",
                   .name = "matrix",
                   .operands = {real({3, 4}, 0, 1), real({3, 4}, -2, 2)},
                   .dtypes = floating});
  cases.push_back(
      {.op = "SoftmaxCrossEntropyWithLogits", .name = "vector", .operands = {real({5}, 0, 1), real({5}, -2, 2)}});
  cases.push_back({.op = "SoftmaxCrossEntropyWithLogits",
                   .name = "rank3",
                   .operands = {real({2, 2, 3}, 0, 1), real({2, 2, 3}, -2, 2)}});
  cases.push_back({.op = "SoftmaxCrossEntropyWithLogits", .name = "no_rows", .operands = {real({0, 3}), real({0, 3})}});

  const char* sparse = "SparseSoftmaxCrossEntropyWithLogits";
  cases.push_back(
      {.op = sparse, .name = "int32", .operands = {int32s({2, 0, 3}), real({3, 4}, -2, 2)}, .dtypes = floating});
  cases.push_back({.op = sparse, .name = "int64", .operands = {int64s({2}, {1, 0}), real({2, 3}, -2, 2)}});
  cases.push_back({.op = sparse, .name = "scalar_label", .operands = {int32s(Shape{}, {1}), real({3}, -2, 2)}});
  cases.push_back({.op = sparse, .name = "rank3", .operands = {int32s({2, 2}, {0, 1, 2, 0}), real({2, 2, 3}, -2, 2)}});
  cases.push_back({.op = sparse, .name = "no_rows", .operands = {int32s({0}, {}), real({0, 3})}});
}

}  // namespace gradus::cases
