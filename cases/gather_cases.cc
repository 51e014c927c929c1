#include "gradus/ops/gather.h"

#include "cases/all_cases.h"

namespace gradus::cases {

void add_gather_cases(std::vector<OpCase>& cases) {
  const auto add = [&](const char* op, const char* name, std::vector<Operand> operands, Attrs attrs) {
    cases.push_back(
        {.op = op, .name = name, .operands = std::move(operands), .attrs = std::move(attrs), .dtypes = kCaseDTypes});
  };
  add("Gather", "rows", {real({4, 3}), int32s({2, 0, 2, 3})}, GatherAttrs{0});
  add("Gather", "columns_matrix", {real({2, 5}), int64s({2, 2}, {4, 0, 1, 4})}, GatherAttrs{-1});
  add("Gather", "middle", {real({2, 3, 4}), int32s({1, 1})}, GatherAttrs{1});
  add("Gather", "scalar_index", {real({3, 2}), int32s(Shape{}, {1})}, GatherAttrs{0});
  add("Gather", "no_indices", {real({3, 2}), int32s(Shape{0}, {})}, GatherAttrs{0});
  add("Gather", "wide_rows", {real({3, 300}), int32s({2, 1})}, GatherAttrs{0});
  add("GatherGrad", "repeated", {real({4, 3}), int32s({2, 0, 2, 2}), int32s({5, 3})}, GatherAttrs{0});
  add("GatherGrad", "columns", {real({2, 2, 2}), int64s({2, 2}, {4, 0, 1, 4}), int32s({2, 5})}, GatherAttrs{1});
  add("GatherGrad", "no_indices", {real({0, 2}), int32s(Shape{0}, {}), int32s({3, 2})}, GatherAttrs{0});
  add("GatherGrad", "wide_rows", {real({3, 300}), int32s({1, 0, 1}), int32s({2, 300})}, GatherAttrs{0});

  add("OneHot", "last", {int32s({2, 2}, {0, 3, -1, 4})}, OneHotAttrs{.depth = 4, .dtype = DType::kFloat64});
  add("OneHot", "first_axis", {int64s({3}, {1, 0, 2})},
      OneHotAttrs{.depth = 3, .axis = 0, .on_value = 0.9, .off_value = 0.05});
  add("OneHot", "int32", {int32s({1, 0})},
      OneHotAttrs{.depth = 2, .on_value = 5, .off_value = -1, .dtype = DType::kInt32});
  add("OneHot", "bool", {int32s(Shape{}, {1})}, OneHotAttrs{.depth = 3, .dtype = DType::kBool});
  add("OneHot", "no_depth", {int32s({1, 0})}, OneHotAttrs{});
}

}  // namespace gradus::cases
