#include "gradus/ops/compare.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void compare_shape(ShapeContext& c) {
  c.require_same_dtype(0, 1);
  c.set_output(0, DType::kBool, broadcast_shapes(c.input_shape(0), c.input_shape(1)));
}

void order_shape(ShapeContext& c) {
  if (c.input_dtype(0) == DType::kBool) c.fail("operands must be numeric; got bool");
  compare_shape(c);
}

void require_bool(ShapeContext& c, int i, const char* name) {
  if (c.input_dtype(i) != DType::kBool)
    c.fail(fmt::format("{} must be bool; got {}", name, dtype_name(c.input_dtype(i))));
}

void logical_shape(ShapeContext& c) {
  require_bool(c, 0, "x");
  require_bool(c, 1, "y");
  compare_shape(c);
}

void logical_not_shape(ShapeContext& c) {
  require_bool(c, 0, "x");
  c.set_output(0, DType::kBool, c.input_shape(0));
}

Shape broadcast_three(ShapeContext& c) {
  return broadcast_shapes(broadcast_shapes(c.input_shape(0), c.input_shape(1)), c.input_shape(2));
}

void select_shape(ShapeContext& c) {
  require_bool(c, 0, "condition");
  c.require_same_dtype(1, 2);
  c.set_output(0, c.input_dtype(1), broadcast_three(c));
}

void clip_shape(ShapeContext& c) {
  c.require_same_dtype(0, 2);
  if (c.input_dtype(0) == DType::kBool) c.fail("operands must be numeric; got bool");
  c.set_output(0, c.input_dtype(0), broadcast_three(c));
}

}  // namespace

Output equal(const Operand& x, const Operand& y, At at) { return add_binary("Equal", x, y, at); }
Output not_equal(const Operand& x, const Operand& y, At at) { return add_binary("NotEqual", x, y, at); }
Output less(const Operand& x, const Operand& y, At at) { return add_binary("Less", x, y, at); }
Output less_equal(const Operand& x, const Operand& y, At at) { return add_binary("LessEqual", x, y, at); }
Output greater(const Operand& x, const Operand& y, At at) { return add_binary("Greater", x, y, at); }
Output greater_equal(const Operand& x, const Operand& y, At at) { return add_binary("GreaterEqual", x, y, at); }
Output logical_and(const Output& x, const Output& y, At at) { return add_binary("LogicalAnd", x, y, at); }
Output logical_or(const Output& x, const Output& y, At at) { return add_binary("LogicalOr", x, y, at); }
Output logical_not(const Output& x, At at) { return add_op("LogicalNot", {x}, {}, at); }

Output where(const Output& condition, const Operand& x, const Operand& y, At at) {
  const auto [a, b] = resolve(x, y, {"Select", at});
  return add_op("Select", {condition, a, b}, {}, at);
}

Output clip_by_value(const Output& x, const Operand& low, const Operand& high, At at) {
  const Caller caller{"ClipByValue", at};
  return add_op("ClipByValue", {x, low.beside(x, caller), high.beside(x, caller)}, {}, at);
}

void register_compare_ops(OpRegistry& registry) {
  const auto add = [&](const char* name, ShapeFn shape, const char* summary) {
    registry.add(def(name, {"x", "y"}, {"z"}, shape, summary));
  };
  add("Equal", compare_shape, "z = (x == y)");
  add("NotEqual", compare_shape, "z = (x != y)");
  add("Less", order_shape, "z = (x < y)");
  add("LessEqual", order_shape, "z = (x <= y)");
  add("Greater", order_shape, "z = (x > y)");
  add("GreaterEqual", order_shape, "z = (x >= y)");
  add("LogicalAnd", logical_shape, "z = x and y");
  add("LogicalOr", logical_shape, "z = x or y");
  registry.add(def("LogicalNot", {"x"}, {"y"}, logical_not_shape, "y = not x").inplace({0}));
  registry.add(def("Select", {"condition", "x", "y"}, {"z"}, select_shape, "z = x where condition, else y")
                   .kernel_dtype(1)
                   .inplace({1, 2}));
  registry.add(def("ClipByValue", {"x", "low", "high"}, {"y"}, clip_shape, "y = min(max(x, low), high)").inplace({0}));
}

}  // namespace gradus
