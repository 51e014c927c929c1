#include "gradus/ops/unary.h"

#include <fmt/format.h>

namespace gradus {
namespace {

void floating_shape(ShapeContext& c) {
  c.require_floating(0, "x");
  c.set_output(0, c.input_dtype(0), c.input_shape(0));
}

void numeric_shape(ShapeContext& c) {
  if (c.input_dtype(0) == DType::kBool) c.fail("x must be numeric; got bool");
  c.set_output(0, c.input_dtype(0), c.input_shape(0));
}

void cast_shape(ShapeContext& c) { c.set_output(0, c.attrs<CastAttrs>().dtype, c.input_shape(0)); }
std::optional<IntValues> cast_value(ShapeContext& c) {
  auto values = c.input_value(0);
  const bool narrow = c.attrs<CastAttrs>().dtype == DType::kInt32;
  for (std::size_t i = 0; values && narrow && i < values->size(); ++i) {
    std::int64_t& v = (*values)[i];
    if (v > INT32_MAX || v < INT32_MIN) v = kUnknownValue;
  }
  return values;
}

// The gradient ops: two operands of one dtype and shape.
void gradient_shape(ShapeContext& c) {
  c.require_floating(0, "the first operand");
  c.require_same_dtype(0, 1);
  if (!c.input_shape(0).compatible_with(c.input_shape(1))) {
    c.fail(fmt::format("both operands must have the same shape; got {} and {}", c.input_shape(0).to_string(),
                       c.input_shape(1).to_string()));
  }
  c.set_output(0, c.input_dtype(0), c.input_shape(0).merged_with(c.input_shape(1)));
}

void derivative_shape(ShapeContext& c) {
  const std::int64_t order = c.attrs<DerivativeAttrs>().order;
  if (order < 1) c.fail(fmt::format("order must be 1 or more; got {}", order));
  gradient_shape(c);
}

Output unary(const char* op, const Output& x, std::string_view name, SourceLocation location) {
  return add_op(op, {x}, {}, name, location);
}

}  // namespace

Output negate(const Output& x, std::string_view name, SourceLocation at) { return unary("Neg", x, name, at); }
Output abs(const Output& x, std::string_view name, SourceLocation at) { return unary("Abs", x, name, at); }
Output sign(const Output& x, std::string_view name, SourceLocation at) { return unary("Sign", x, name, at); }
Output square(const Output& x, std::string_view name, SourceLocation at) { return unary("Square", x, name, at); }
Output sqrt(const Output& x, std::string_view name, SourceLocation at) { return unary("Sqrt", x, name, at); }
Output rsqrt(const Output& x, std::string_view name, SourceLocation at) { return unary("Rsqrt", x, name, at); }
Output exp(const Output& x, std::string_view name, SourceLocation at) { return unary("Exp", x, name, at); }
Output log(const Output& x, std::string_view name, SourceLocation at) { return unary("Log", x, name, at); }
Output log1p(const Output& x, std::string_view name, SourceLocation at) { return unary("Log1p", x, name, at); }
Output sin(const Output& x, std::string_view name, SourceLocation at) { return unary("Sin", x, name, at); }
Output cos(const Output& x, std::string_view name, SourceLocation at) { return unary("Cos", x, name, at); }
Output tanh(const Output& x, std::string_view name, SourceLocation at) { return unary("Tanh", x, name, at); }
Output sigmoid(const Output& x, std::string_view name, SourceLocation at) { return unary("Sigmoid", x, name, at); }
Output softplus(const Output& x, std::string_view name, SourceLocation at) { return unary("Softplus", x, name, at); }
Output relu(const Output& x, std::string_view name, SourceLocation at) { return unary("Relu", x, name, at); }
Output relu6(const Output& x, std::string_view name, SourceLocation at) { return unary("Relu6", x, name, at); }
Output gelu(const Output& x, std::string_view name, SourceLocation at) { return unary("Gelu", x, name, at); }
Output erf(const Output& x, std::string_view name, SourceLocation at) { return unary("Erf", x, name, at); }
Output elu(const Output& x, double alpha, std::string_view name, SourceLocation at) {
  return add_op("Elu", {x}, EluAttrs{alpha}, name, at);
}
Output elu(const Output& x, std::string_view name, SourceLocation at) { return elu(x, EluAttrs{}.alpha, name, at); }
Output leaky_relu(const Output& x, double alpha, std::string_view name, SourceLocation at) {
  return add_op("LeakyRelu", {x}, LeakyReluAttrs{alpha}, name, at);
}

Output cast(const Output& x, DType dtype, std::string_view name, SourceLocation at) {
  return add_op("Cast", {x}, CastAttrs{dtype}, name, at);
}

Output relu_grad(const Output& dy, const Output& y, std::string_view name, SourceLocation at) {
  return add_op("ReluGrad", {dy, y}, {}, name, at);
}
Output relu6_grad(const Output& dy, const Output& y, std::string_view name, SourceLocation at) {
  return add_op("Relu6Grad", {dy, y}, {}, name, at);
}
Output leaky_relu_grad(const Output& dy, const Output& x, const LeakyReluAttrs& attrs, std::string_view name,
                       SourceLocation at) {
  return add_op("LeakyReluGrad", {dy, x}, attrs, name, at);
}
Output elu_grad(const Output& dy, const Output& x, const EluAttrs& attrs, std::string_view name, SourceLocation at) {
  return add_op("EluGrad", {dy, x}, attrs, name, at);
}
Output tanh_grad(const Output& dy, const Output& x, std::string_view name, SourceLocation at) {
  return add_op("TanhGrad", {dy, x}, {}, name, at);
}
Output sigmoid_grad(const Output& dy, const Output& x, std::string_view name, SourceLocation at) {
  return add_op("SigmoidGrad", {dy, x}, {}, name, at);
}
Output gelu_grad(const Output& dy, const Output& x, const DerivativeAttrs& attrs, std::string_view name,
                 SourceLocation at) {
  return add_op("GeluGrad", {dy, x}, attrs, name, at);
}
Output erf_grad(const Output& dy, const Output& x, const DerivativeAttrs& attrs, std::string_view name,
                SourceLocation at) {
  return add_op("ErfGrad", {dy, x}, attrs, name, at);
}

void register_unary_ops(OpRegistry& registry) {
  const auto add = [&](const char* name, ShapeFn shape, const char* summary, Attrs attrs = {}) {
    registry.add({.name = name,
                  .inputs = {"x"},
                  .outputs = {"y"},
                  .shape = shape,
                  .attrs = std::move(attrs),
                  .summary = summary,
                  .inplace_inputs = {0}});
  };
  add("Neg", numeric_shape, "y = -x");
  add("Abs", numeric_shape, "y = |x|");
  add("Sign", numeric_shape, "y = -1, 0 or 1, the sign of x");
  add("Square", numeric_shape, "y = x^2");
  add("Sqrt", floating_shape, "y = x^(1/2)");
  add("Rsqrt", floating_shape, "y = x^(-1/2)");
  add("Exp", floating_shape, "y = e^x");
  add("Log", floating_shape, "y = ln(x)");
  add("Log1p", floating_shape, "y = ln(1 + x)");
  add("Sin", floating_shape, "y = sin(x)");
  add("Cos", floating_shape, "y = cos(x)");
  add("Tanh", floating_shape, "y = tanh(x)");
  add("Sigmoid", floating_shape, "y = 1 / (1 + e^-x)");
  add("Softplus", floating_shape, "y = ln(1 + e^x)");
  add("Relu", numeric_shape, "y = max(x, 0)");
  add("Relu6", numeric_shape, "y = min(max(x, 0), 6)");
  add("LeakyRelu", floating_shape, "y = x where x >= 0, else alpha * x", LeakyReluAttrs{});
  add("Elu", floating_shape, "y = x where x >= 0, else alpha * (e^x - 1)", EluAttrs{});
  add("Gelu", floating_shape, "y = x * (1 + erf(x / sqrt(2))) / 2");
  add("Erf", floating_shape, "y = erf(x), the error function");

  registry.add({.name = "Cast",
                .inputs = {"x"},
                .outputs = {"y"},
                .shape = cast_shape,
                .attrs = CastAttrs{},
                .summary = "y = x converted to dtype",
                .value = cast_value});

  const auto add_gradient = [&](const char* name, const char* summary, Attrs attrs = {}, ShapeFn shape = gradient_shape,
                                const char* second = "x") {
    registry.add({.name = name,
                  .inputs = {"dy", second},
                  .outputs = {"dx"},
                  .shape = shape,
                  .attrs = std::move(attrs),
                  .summary = summary,
                  .inplace_inputs = {0, 1}});
  };
  add_gradient("ReluGrad", "dx = dy where y > 0, else 0", {}, gradient_shape, "y");
  add_gradient("Relu6Grad", "dx = dy where 0 < y < 6, else 0", {}, gradient_shape, "y");
  add_gradient("LeakyReluGrad", "dx = dy where x > 0, else alpha * dy", LeakyReluAttrs{});
  add_gradient("EluGrad", "dx = dy where x >= 0, else dy * alpha * e^x", EluAttrs{});
  add_gradient("TanhGrad", "dx = dy / cosh(x)^2");
  add_gradient("SigmoidGrad", "dx = dy * sigmoid(x) * sigmoid(-x)");
  add_gradient("GeluGrad", "dx = dy times a derivative of gelu; of order 1: Phi(x) + x * phi(x)", DerivativeAttrs{},
               derivative_shape);
  add_gradient("ErfGrad", "dx = dy times a derivative of erf; of order 1: 2 / sqrt(pi) * e^(-x^2)", DerivativeAttrs{},
               derivative_shape);
}

}  // namespace gradus
