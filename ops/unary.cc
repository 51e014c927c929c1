#include "gradus/ops/unary.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

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
  auto values = c.input_symbols(0);
  const bool narrow = c.attrs<CastAttrs>().dtype == DType::kInt32;
  for (std::size_t i = 0; values && narrow && i < values->size(); ++i) {
    std::int64_t& v = (*values)[i];
    if (!is_unknown(v) && (v > INT32_MAX || v < INT32_MIN)) v = kUnknownValue;
  }
  return values;
}

// The gradient ops: two operands of one dtype and shape.
void gradient_shape(ShapeContext& c) {
  c.require_floating(0, "dy");
  c.require_same_dtype(0, 1);
  c.set_output(0, c.input_dtype(0), c.require_same_shape(0, "dy", 1, "the other operand"));
}

void derivative_shape(ShapeContext& c) {
  const std::int64_t order = c.attrs<DerivativeAttrs>().order;
  if (order < 1) c.fail(fmt::format("order must be 1 or more; got {}", order));
  gradient_shape(c);
}

Output unary(const char* op, const Output& x, At at) { return add_op(op, {x}, {}, at); }

}  // namespace

Output negate(const Output& x, At at) { return unary("Neg", x, at); }
Output abs(const Output& x, At at) { return unary("Abs", x, at); }
Output sign(const Output& x, At at) { return unary("Sign", x, at); }
Output square(const Output& x, At at) { return unary("Square", x, at); }
Output sqrt(const Output& x, At at) { return unary("Sqrt", x, at); }
Output rsqrt(const Output& x, At at) { return unary("Rsqrt", x, at); }
Output exp(const Output& x, At at) { return unary("Exp", x, at); }
Output log(const Output& x, At at) { return unary("Log", x, at); }
Output log1p(const Output& x, At at) { return unary("Log1p", x, at); }
Output sin(const Output& x, At at) { return unary("Sin", x, at); }
Output cos(const Output& x, At at) { return unary("Cos", x, at); }
Output tanh(const Output& x, At at) { return unary("Tanh", x, at); }
Output sigmoid(const Output& x, At at) { return unary("Sigmoid", x, at); }
Output softplus(const Output& x, At at) { return unary("Softplus", x, at); }
Output relu(const Output& x, At at) { return unary("Relu", x, at); }
Output relu6(const Output& x, At at) { return unary("Relu6", x, at); }
Output gelu(const Output& x, At at) { return unary("Gelu", x, at); }
Output erf(const Output& x, At at) { return unary("Erf", x, at); }
Output elu(const Output& x, double alpha, At at) { return add_op("Elu", {x}, EluAttrs{alpha}, at); }
Output elu(const Output& x, At at) { return elu(x, EluAttrs{}.alpha, at); }
Output leaky_relu(const Output& x, double alpha, At at) { return add_op("LeakyRelu", {x}, LeakyReluAttrs{alpha}, at); }

Output cast(const Output& x, DType dtype, At at) { return add_op("Cast", {x}, CastAttrs{dtype}, at); }

Output relu_grad(const Output& dy, const Output& y, At at) { return add_op("ReluGrad", {dy, y}, {}, at); }
Output relu6_grad(const Output& dy, const Output& y, At at) { return add_op("Relu6Grad", {dy, y}, {}, at); }
Output leaky_relu_grad(const Output& dy, const Output& x, const LeakyReluAttrs& attrs, At at) {
  return add_op("LeakyReluGrad", {dy, x}, attrs, at);
}
Output elu_grad(const Output& dy, const Output& x, const EluAttrs& attrs, At at) {
  return add_op("EluGrad", {dy, x}, attrs, at);
}
Output tanh_grad(const Output& dy, const Output& x, At at) { return add_op("TanhGrad", {dy, x}, {}, at); }
Output sigmoid_grad(const Output& dy, const Output& x, At at) { return add_op("SigmoidGrad", {dy, x}, {}, at); }
Output gelu_grad(const Output& dy, const Output& x, const DerivativeAttrs& attrs, At at) {
  return add_op("GeluGrad", {dy, x}, attrs, at);
}
Output erf_grad(const Output& dy, const Output& x, const DerivativeAttrs& attrs, At at) {
  return add_op("ErfGrad", {dy, x}, attrs, at);
}

void register_unary_ops(OpRegistry& registry) {
  const auto add = [&](const char* name, ShapeFn shape, const char* summary, Attrs attrs = {}) {
    registry.add(def(name, {"x"}, {"y"}, shape, summary).attrs(std::move(attrs)).inplace({0}));
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

  registry.add(def("Cast", {"x"}, {"y"}, cast_shape, "y = x converted to dtype").attrs(CastAttrs{}).value(cast_value));

  const auto add_gradient = [&](const char* name, const char* summary, Attrs attrs = {}, ShapeFn shape = gradient_shape,
                                const char* second = "x") {
    registry.add(def(name, {"dy", second}, {"dx"}, shape, summary).attrs(std::move(attrs)).inplace({0, 1}));
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
