#include "gradus/ops/optimizer_updates.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/accumulation.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void require_like_variable(ShapeContext& c, int i, DType dtype, const char* name) {
  if (c.input_dtype(i) != dtype || !c.input_shape(i).compatible_with(c.input_shape(0))) {
    const std::string wanted = dtype == c.input_dtype(0)
                                   ? "have the variable's dtype and shape"
                                   : fmt::format("be {} and have the variable's shape", dtype_name(dtype));
    c.fail(fmt::format("{} must {}; got {} {} for variable {} {}", name, wanted, dtype_name(c.input_dtype(i)),
                       c.input_shape(i).to_string(), dtype_name(c.input_dtype(0)), c.input_shape(0).to_string()));
  }
}

void require_scalar(ShapeContext& c, int i, DType dtype, const char* name) {
  if (c.input_dtype(i) != dtype || c.input_shape(i).rank() != 0) {
    c.fail(fmt::format("{} must be {} {} scalar; got {} {}", name, dtype == DType::kInt64 ? "an" : "a",
                       dtype_name(dtype), dtype_name(c.input_dtype(i)), c.input_shape(i).to_string()));
  }
}

void require_not_negative(ShapeContext& c, const char* name, double value) {
  if (!(value >= 0)) c.fail(fmt::format("{} must not be negative; got {}", name, value));
}

void require_gradient(ShapeContext& c, int i) { require_like_variable(c, i, c.input_dtype(0), "grad"); }

// What the state is kept and the step is computed in.
DType state_dtype(ShapeContext& c) {
  c.require_floating(0, "var");
  return accumulation_dtype(c.input_dtype(0));
}

void finish(ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(0)); }

void gradient_descent_shape(ShapeContext& c) {
  require_scalar(c, 1, state_dtype(c), "learning_rate");
  require_gradient(c, 2);
  finish(c);
}

void momentum_shape(ShapeContext& c) {
  const DType state = state_dtype(c);
  require_like_variable(c, 1, state, "accum");
  require_scalar(c, 2, state, "learning_rate");
  require_gradient(c, 3);
  require_scalar(c, 4, state, "momentum");
  finish(c);
}

void rms_prop_shape(ShapeContext& c) {
  const DType state = state_dtype(c);
  require_like_variable(c, 1, state, "ms");
  require_like_variable(c, 2, state, "mom");
  require_scalar(c, 3, state, "learning_rate");
  require_gradient(c, 4);
  require_scalar(c, 5, state, "momentum");
  const auto& attrs = c.attrs<ApplyRMSPropAttrs>();
  if (!(attrs.rho >= 0 && attrs.rho <= 1)) c.fail(fmt::format("rho must be in [0, 1]; got {}", attrs.rho));
  require_not_negative(c, "epsilon", attrs.epsilon);
  finish(c);
}

void adam_shape(ShapeContext& c) {
  const DType state = state_dtype(c);
  require_like_variable(c, 1, state, "m");
  require_like_variable(c, 2, state, "v");
  require_scalar(c, 3, state, "learning_rate");
  require_gradient(c, 4);
  require_scalar(c, 5, DType::kInt64, "step");
  const auto& attrs = c.attrs<ApplyAdamAttrs>();
  if (!(attrs.beta1 >= 0 && attrs.beta1 < 1 && attrs.beta2 >= 0 && attrs.beta2 < 1)) {
    c.fail(fmt::format("beta1 and beta2 must be in [0, 1); got {} and {}", attrs.beta1, attrs.beta2));
  }
  require_not_negative(c, "epsilon", attrs.epsilon);
  require_not_negative(c, "weight_decay", attrs.weight_decay);
  finish(c);
}

}  // namespace

Output apply_gradient_descent(const Output& var, const Output& learning_rate, const Output& grad, At at) {
  return add_op("ApplyGradientDescent", {var, learning_rate, grad}, {}, at);
}

Output apply_momentum(const Output& var, const Output& accum, const Output& learning_rate, const Output& grad,
                      const Output& momentum, const ApplyMomentumAttrs& attrs, At at) {
  return add_op("ApplyMomentum", {var, accum, learning_rate, grad, momentum}, attrs, at);
}

Output apply_rms_prop(const Output& var, const Output& ms, const Output& mom, const Output& learning_rate,
                      const Output& grad, const Output& momentum, const ApplyRMSPropAttrs& attrs, At at) {
  return add_op("ApplyRMSProp", {var, ms, mom, learning_rate, grad, momentum}, attrs, at);
}

Output apply_adam(const Output& var, const Output& m, const Output& v, const Output& learning_rate, const Output& grad,
                  const Output& step, const ApplyAdamAttrs& attrs, At at) {
  return add_op("ApplyAdam", {var, m, v, learning_rate, grad, step}, attrs, at);
}

void register_optimizer_update_ops(OpRegistry& registry) {
  registry.add(def("ApplyGradientDescent", {"var", "learning_rate", "grad"}, {"new_value"}, gradient_descent_shape,
                   "var -= learning_rate * grad")
                   .mutates());
  registry.add(def("ApplyMomentum", {"var", "accum", "learning_rate", "grad", "momentum"}, {"new_value"},
                   momentum_shape, "accum = momentum * accum + grad; var -= learning_rate * accum")
                   .mutates(2)
                   .attrs(ApplyMomentumAttrs{}));
  registry.add(def("ApplyRMSProp", {"var", "ms", "mom", "learning_rate", "grad", "momentum"}, {"new_value"},
                   rms_prop_shape,
                   "ms = rho * ms + (1 - rho) * grad^2; mom = momentum * mom + learning_rate * grad / "
                   "sqrt(ms + epsilon); var -= mom")
                   .mutates(3)
                   .attrs(ApplyRMSPropAttrs{}));
  registry.add(def("ApplyAdam", {"var", "m", "v", "learning_rate", "grad", "step"}, {"new_value"}, adam_shape,
                   "Adam (and AdamW): var -= learning_rate * (m_hat / (sqrt(v_hat) + epsilon) + weight_decay * var)")
                   .mutates(3)
                   .attrs(ApplyAdamAttrs{}));
}

}  // namespace gradus
