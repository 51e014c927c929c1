#include "gradus/ops/shape_ops.h"

#include "cases/all_cases.h"

namespace gradus::cases {

void add_shape_cases(std::vector<OpCase>& cases) {
  const std::vector<DType> floating = {DType::kFloat16, DType::kFloat32, DType::kFloat64};
  const auto add = [&](const char* op, const char* name, std::vector<Operand> operands, Attrs attrs = {}) {
    cases.push_back(
        {.op = op, .name = name, .operands = std::move(operands), .attrs = std::move(attrs), .dtypes = floating});
  };
  for (const char* op : {"Shape", "Size", "Rank", "ZerosLike", "OnesLike"}) {
    add(op, "rank3", {real({2, 3, 5})});
    add(op, "scalar", {real({})});
    add(op, "empty", {real({3, 0})});
    add(op, "bool", {bools({2, 2}, {1, 0, 0, 1})});
  }

  add("Reshape", "flatten", {real({2, 3, 2}), int32s({2, 6})});
  add("Reshape", "inferred", {real({4, 3}), int32s({2, -1, 3})});
  add("Reshape", "to_scalar", {real({1, 1}), int64s({0}, {})});
  add("Reshape", "empty", {real({0, 3}), int32s({3, 0, 2})});
  add("Reshape", "int64_target", {real({6}), int64s({2}, {3, 2})});
  add("ExpandDims", "front", {real({2, 3})}, ExpandDimsAttrs{0});
  add("ExpandDims", "last", {real({2, 3})}, ExpandDimsAttrs{-1});
  add("ExpandDims", "scalar", {real({})}, ExpandDimsAttrs{0});
  add("Squeeze", "two", {real({1, 3, 1, 2})}, SqueezeAttrs{{0, 2}});
  add("Squeeze", "one", {real({1, 3, 1, 2})}, SqueezeAttrs{{-2}});
  add("Squeeze", "to_scalar", {real({1})}, SqueezeAttrs{{0}});

  add("Fill", "matrix", {int32s({2, 3}), real({})});
  add("Fill", "scalar", {int32s(Shape{0}, {}), real({})});
  add("Fill", "empty", {int64s({2}, {0, 4}), real({})});
  add("BroadcastTo", "leading", {real({3}), int32s({2, 4, 3})});
  add("BroadcastTo", "inner", {real({2, 1, 3}), int32s({2, 4, 3})});
  add("BroadcastTo", "outer_and_last", {real({1, 2, 1}), int64s({3}, {3, 2, 5})});
  add("BroadcastTo", "scalar", {real({}), int32s({2, 2})});
  add("BroadcastTo", "same", {real({2, 2}), int32s({2, 2})});
  add("BroadcastTo", "to_empty", {real({1, 3}), int32s({0, 3})});

  const auto number = [](std::int32_t value) { return int32s(Shape{}, {value}); };
  add("Range", "up", {number(2), number(11), number(3)});
  add("Range", "down", {number(5), number(-4), number(-2)});
  add("Range", "empty", {number(3), number(3), number(1)});
  add("Range", "int64", {int64s({}, {-3}), int64s({}, {4}), int64s({}, {2})});
}

}  // namespace gradus::cases
