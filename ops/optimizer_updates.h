// One step of an optimiser on one variable, in one pass over its memory. The ops overwrite the variable and its slots and
// return the variable's new value; `learning_rate`, `momentum` and `step` are scalar operands, so that schedules are ordinary
// graph. Layers above (nn/optimizers.h) make the slots. Page: docs/ops/optimizer_updates.md.
//
// `grad` has the variable's dtype (float16, bfloat16, float32, float64). Slots, `learning_rate` and `momentum` have it too, but float32
// beside a variable of 16 bits: in float16 the mean square of gradients below 2e-4 would be 0, in bfloat16 it would not fade. The step is computed in that dtype
// and the variable rounded once. `step` is int64. Errors (InvalidArgument): var or a slot that is no variable, unlike shapes or
// dtypes, a scalar operand of another rank.
#pragma once

#include "gradus/graph/forward.h"

namespace gradus {

struct ApplyMomentumAttrs {
  bool use_nesterov = false;
  template <class V>
  void visit(V& v) {
    v("use_nesterov", use_nesterov, "look ahead along the accumulated direction (Nesterov)");
  }
};

struct ApplyRMSPropAttrs {
  double rho = 0.9;
  double epsilon = 1e-10;
  template <class V>
  void visit(V& v) {
    v("rho", rho, "decay of the mean of squared gradients");
    v("epsilon", epsilon, "added to the mean square, under the root");
  }
};

struct ApplyAdamAttrs {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
  template <class V>
  void visit(V& v) {
    v("beta1", beta1, "decay of the mean of gradients");
    v("beta2", beta2, "decay of the mean of squared gradients");
    v("epsilon", epsilon, "added to the root of the corrected mean square");
    v("weight_decay", weight_decay,
      "decoupled weight decay (AdamW): var loses learning_rate * weight_decay * var as well");
  }
};

// var -= learning_rate * grad
Output apply_gradient_descent(const Output& var, const Output& learning_rate, const Output& grad, At at = {});

// accum = momentum * accum + grad;  var -= learning_rate * accum.
// With use_nesterov: var -= learning_rate * (grad + momentum * accum). As TensorFlow's ApplyMomentum
// (Sutskever, Martens, Dahl, Hinton, ICML 2013).
Output apply_momentum(const Output& var, const Output& accum, const Output& learning_rate, const Output& grad,
                      const Output& momentum, const ApplyMomentumAttrs& attrs = {}, At at = {});

// ms = rho * ms + (1 - rho) * grad^2;  mom = momentum * mom + learning_rate * grad / sqrt(ms + epsilon);  var -= mom.
// As TensorFlow's ApplyRMSProp (Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning", 2012).
Output apply_rms_prop(const Output& var, const Output& ms, const Output& mom, const Output& learning_rate,
                      const Output& grad, const Output& momentum, const ApplyRMSPropAttrs& attrs = {}, At at = {});

// m = beta1 * m + (1 - beta1) * grad;  v = beta2 * v + (1 - beta2) * grad^2;
// var -= learning_rate * ((m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + epsilon) + weight_decay * var).
// `step` is the number of this update, 1 for the first (InvalidArgument below that). Algorithm 1 of Kingma and Ba (ICLR 2015); with weight_decay AdamW
// (Loshchilov and Hutter, ICLR 2019).
Output apply_adam(const Output& var, const Output& m, const Output& v, const Output& learning_rate, const Output& grad,
                  const Output& step, const ApplyAdamAttrs& attrs = {}, At at = {});

}  // namespace gradus
