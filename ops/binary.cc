#include "gradus/ops/binary.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/core/wrapping.h"
#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void broadcast_shape(ShapeContext& c) {
  c.require_same_dtype(0, 1);
  if (c.input_dtype(0) == DType::kBool) c.fail("operands must be numeric; got bool");
  c.set_output(0, c.input_dtype(0), broadcast_shapes(c.input_shape(0), c.input_shape(1)));
}

void floating_broadcast_shape(ShapeContext& c) {
  if (!is_floating(c.input_dtype(0)) && c.input_dtype(0) == c.input_dtype(1)) {
    c.fail(fmt::format("operands must be {}; got {} (integers have floor_div)", kFloatingNames,
                       dtype_name(c.input_dtype(0))));
  }
  broadcast_shape(c);
}

void integer_shape(ShapeContext& c) {
  if (!is_integer(c.input_dtype(0)))
    c.fail(fmt::format("operands must be integers; got {}", dtype_name(c.input_dtype(0))));
  broadcast_shape(c);
}

void add_n_shape(ShapeContext& c) {
  if (c.num_inputs() == 0) c.fail("needs at least one operand");
  c.require_same_dtype(0, c.num_inputs() - 1);
  if (c.input_dtype(0) == DType::kBool) c.fail("operands must be numeric; got bool");
  Shape shape = c.input_shape(0);
  for (int i = 1; i < c.num_inputs(); ++i) {
    if (!shape.compatible_with(c.input_shape(i))) {
      c.fail(fmt::format("operands must have the same shape; got {} and {} (operand {})", shape.to_string(),
                         c.input_shape(i).to_string(), i));
    }
    shape = shape.merged_with(c.input_shape(i));
  }
  c.set_output(0, c.input_dtype(0), shape);
}

using Int = std::int64_t;

// Follows arithmetic on sizes: vectors of one length, or a vector and a scalar. F returns false where it has no result.
template <class F>
ValueFn followed(F) {
  return [](ShapeContext& c) -> std::optional<IntValues> {
    const auto x = c.input_value(0);
    const auto y = c.input_value(1);
    if (!x || !y || x->empty() || y->empty()) return std::nullopt;
    if (x->size() != y->size() && x->size() != 1 && y->size() != 1) return std::nullopt;
    if (c.input_shape(0).rank() > 1 || c.input_shape(1).rank() > 1) return std::nullopt;
    IntValues z(std::max(x->size(), y->size()), kUnknownValue);
    for (std::size_t i = 0; i < z.size(); ++i) {
      const Int a = (*x)[x->size() == 1 ? 0 : i];
      const Int b = (*y)[y->size() == 1 ? 0 : i];
      Int result = 0;
      if (a == kUnknownValue || b == kUnknownValue || !F{}(a, b, &result)) continue;
      if (c.input_dtype(0) == DType::kInt32 && (result > INT32_MAX || result < INT32_MIN)) continue;
      z[i] = result;
    }
    return z;
  };
}

}  // namespace

Output add(const Operand& x, const Operand& y, At at) { return add_binary("Add", x, y, at); }
Output subtract(const Operand& x, const Operand& y, At at) { return add_binary("Sub", x, y, at); }
Output multiply(const Operand& x, const Operand& y, At at) { return add_binary("Mul", x, y, at); }
Output divide(const Operand& x, const Operand& y, At at) { return add_binary("RealDiv", x, y, at); }
Output floor_div(const Operand& x, const Operand& y, At at) { return add_binary("FloorDiv", x, y, at); }
Output floor_mod(const Operand& x, const Operand& y, At at) { return add_binary("FloorMod", x, y, at); }
Output maximum(const Operand& x, const Operand& y, At at) { return add_binary("Maximum", x, y, at); }
Output minimum(const Operand& x, const Operand& y, At at) { return add_binary("Minimum", x, y, at); }
Output pow(const Operand& x, const Operand& y, At at) { return add_binary("Pow", x, y, at); }
Output squared_difference(const Operand& x, const Operand& y, At at) {
  return add_binary("SquaredDifference", x, y, at);
}

Output add_n(const std::vector<Output>& values, At at) {
  if (values.empty()) Caller{"AddN", at}.fail("add_n needs at least one operand");
  return add_op("AddN", values, {}, at);
}

void register_binary_ops(OpRegistry& registry) {
  const auto add = [&](const char* name, ShapeFn shape, const char* summary, ValueFn value = nullptr) {
    registry.add(def(name, {"x", "y"}, {"z"}, shape, summary).value(value).inplace({0, 1}));
  };
  add("Add", broadcast_shape, "z = x + y",
      followed([](Int x, Int y, Int* z) { return !__builtin_add_overflow(x, y, z); }));
  add("Sub", broadcast_shape, "z = x - y",
      followed([](Int x, Int y, Int* z) { return !__builtin_sub_overflow(x, y, z); }));
  add("Mul", broadcast_shape, "z = x * y",
      followed([](Int x, Int y, Int* z) { return !__builtin_mul_overflow(x, y, z); }));
  add("RealDiv", floating_broadcast_shape, "z = x / y");
  add("FloorDiv", integer_shape, "z = floor(x / y)", followed([](Int x, Int y, Int* z) {
        if (y != 0) *z = floor_quotient(x, y);
        return y != 0;
      }));
  add("FloorMod", integer_shape, "z = x - floor(x / y) * y", followed([](Int x, Int y, Int* z) {
        if (y != 0) *z = x - floor_quotient(x, y) * y;
        return y != 0;
      }));
  add("Maximum", broadcast_shape, "z = max(x, y)", followed([](Int x, Int y, Int* z) {
        *z = std::max(x, y);
        return true;
      }));
  add("Minimum", broadcast_shape, "z = min(x, y)", followed([](Int x, Int y, Int* z) {
        *z = std::min(x, y);
        return true;
      }));
  add("Pow", broadcast_shape, "z = x^y");
  add("SquaredDifference", broadcast_shape, "z = (x - y)^2");
  registry.add(def("AddN", {"values..."}, {"sum"}, add_n_shape, "sum = values[0] + values[1] + ...").inplace({0}));
}

}  // namespace gradus
