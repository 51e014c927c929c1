// Gradients of the element-wise ops of one operand, dx = f'(x) dy, and of the ops that compute them in one pass.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/unary.h"

namespace gradus {
namespace {

void cast_gradient(GradientContext& c) {
  if (is_floating(c.input(0).dtype()) && is_floating(c.output().dtype())) c.set(0, cast(c.grad(), c.input(0).dtype()));
}

// ReluGrad and Relu6Grad are linear in dy, and piecewise constant in y.
template <Output (*op)(const Output&, const Output&, At)>
void mask_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, op(c.grad(), c.input(1), {}));
}

void leaky_relu_grad_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, leaky_relu_grad(c.grad(), c.input(1), c.attrs<LeakyReluAttrs>()));
}

// EluGrad(dy, x) = dy where x >= 0, else dy * alpha * e^x: the exponential is its own derivative.
void elu_grad_gradient(GradientContext& c) {
  const Output dy = c.input(0), x = c.input(1);
  const EluAttrs& attrs = c.attrs<EluAttrs>();
  if (c.needs(0)) c.set(0, elu_grad(c.grad(), x, attrs));
  if (c.needs(1)) c.set(1, where(greater_equal(x, 0.0), 0.0, elu_grad(c.grad() * dy, x, attrs)));
}

// The derivatives of gelu and erf are one op, for every order.
template <Output (*op)(const Output&, const Output&, const DerivativeAttrs&, At)>
void derivative_gradient(GradientContext& c) {
  const Output dy = c.input(0), x = c.input(1);
  const DerivativeAttrs& attrs = c.attrs<DerivativeAttrs>();
  if (c.needs(0)) c.set(0, op(c.grad(), x, attrs, {}));
  if (c.needs(1)) c.set(1, op(c.grad() * dy, x, {.order = attrs.order + 1}, {}));
}

// TanhGrad(dy, x) = dy / cosh(x)^2.
void tanh_grad_gradient(GradientContext& c) {
  const Output dy = c.input(0), x = c.input(1);
  if (c.needs(0)) c.set(0, tanh_grad(c.grad(), x));
  if (c.needs(1)) c.set(1, tanh_grad(c.grad() * dy, x) * (-2.0 * tanh(x)));
}

// SigmoidGrad(dy, x) = dy * s * (1 - s), with s = sigmoid(x); 1 - 2 s is -tanh(x / 2), which does not cancel.
void sigmoid_grad_gradient(GradientContext& c) {
  const Output dy = c.input(0), x = c.input(1);
  if (c.needs(0)) c.set(0, sigmoid_grad(c.grad(), x));
  if (c.needs(1)) c.set(1, -(sigmoid_grad(c.grad() * dy, x) * tanh(0.5 * x)));
}

}  // namespace

void register_unary_gradients(GradientRegistry& registry) {
  using C = GradientContext;
  registry.add("Neg", [](C& c) { c.set(0, -c.grad()); });
  registry.add("Abs", [](C& c) { c.set(0, c.grad() * sign(c.input(0))); });
  registry.add_none("Sign", "its derivative is 0 wherever it has one");
  registry.add("Square", [](C& c) { c.set(0, 2.0 * c.grad() * c.input(0)); });
  registry.add("Sqrt", [](C& c) { c.set(0, 0.5 * c.grad() / c.output()); });
  registry.add("Rsqrt", [](C& c) { c.set(0, -0.5 * c.grad() * c.output() * c.output() * c.output()); });
  registry.add("Exp", [](C& c) { c.set(0, c.grad() * c.output()); });
  registry.add("Log", [](C& c) { c.set(0, c.grad() / c.input(0)); });
  registry.add("Log1p", [](C& c) { c.set(0, c.grad() / (1.0 + c.input(0))); });
  registry.add("Sin", [](C& c) { c.set(0, c.grad() * cos(c.input(0))); });
  registry.add("Cos", [](C& c) { c.set(0, -(c.grad() * sin(c.input(0)))); });
  registry.add("Tanh", [](C& c) { c.set(0, tanh_grad(c.grad(), c.input(0))); });
  registry.add("Sigmoid", [](C& c) { c.set(0, sigmoid_grad(c.grad(), c.input(0))); });
  registry.add("Softplus", [](C& c) { c.set(0, c.grad() * sigmoid(c.input(0))); });
  registry.add("Relu", [](C& c) { c.set(0, relu_grad(c.grad(), c.output())); });
  registry.add("Relu6", [](C& c) { c.set(0, relu6_grad(c.grad(), c.output())); });
  registry.add("LeakyRelu", [](C& c) { c.set(0, leaky_relu_grad(c.grad(), c.input(0), c.attrs<LeakyReluAttrs>())); });
  registry.add("Elu", [](C& c) { c.set(0, elu_grad(c.grad(), c.input(0), c.attrs<EluAttrs>())); });
  registry.add("Gelu", [](C& c) { c.set(0, gelu_grad(c.grad(), c.input(0))); });
  registry.add("Erf", [](C& c) { c.set(0, erf_grad(c.grad(), c.input(0))); });
  registry.add("Cast", cast_gradient);

  registry.add("ReluGrad", mask_gradient<relu_grad>);
  registry.add("Relu6Grad", mask_gradient<relu6_grad>);
  registry.add("LeakyReluGrad", leaky_relu_grad_gradient);
  registry.add("EluGrad", elu_grad_gradient);
  registry.add("GeluGrad", derivative_gradient<gelu_grad>);
  registry.add("ErfGrad", derivative_gradient<erf_grad>);
  registry.add("TanhGrad", tanh_grad_gradient);
  registry.add("SigmoidGrad", sigmoid_grad_gradient);
}

}  // namespace gradus
