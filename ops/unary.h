// Element-wise ops of one operand, y = f(x): shape and dtype of the result are the operand's. All take floating dtypes;
// negate, abs, sign, square and the relu family take integers as well (which wrap). NaN gives NaN. Definitions follow
// TensorFlow's. Page, with gradients: docs/ops/unary.md.
#pragma once

#include <cstdint>

#include "gradus/graph/forward.h"

namespace gradus {

struct CastAttrs {
  DType dtype = DType::kFloat32;
  template <class V>
  void visit(V& v) {
    v("dtype", dtype, "element type of the result");
  }
};

struct LeakyReluAttrs {
  double alpha = 0.2;
  template <class V>
  void visit(V& v) {
    v("alpha", alpha, "slope for x < 0");
  }
};

struct EluAttrs {
  double alpha = 1.0;
  template <class V>
  void visit(V& v) {
    v("alpha", alpha, "-alpha is the limit for x -> -infinity");
  }
};

// Of the ops that compute derivatives of any order.
struct DerivativeAttrs {
  std::int64_t order = 1;
  template <class V>
  void visit(V& v) {
    v("order", order, "1 for the first derivative, 2 for the second, ...");
  }
};

Output negate(const Output& x, At at = {});
Output abs(const Output& x, At at = {});
// -1, 0 or 1.
Output sign(const Output& x, At at = {});
Output square(const Output& x, At at = {});
Output sqrt(const Output& x, At at = {});
// 1 / sqrt(x)
Output rsqrt(const Output& x, At at = {});
Output exp(const Output& x, At at = {});
Output log(const Output& x, At at = {});
// log(1 + x), exact for small x.
Output log1p(const Output& x, At at = {});
Output sin(const Output& x, At at = {});
Output cos(const Output& x, At at = {});
Output tanh(const Output& x, At at = {});
// 1 / (1 + exp(-x))
Output sigmoid(const Output& x, At at = {});
// log(1 + exp(x)), without overflow.
Output softplus(const Output& x, At at = {});
// max(x, 0)
Output relu(const Output& x, At at = {});
// min(max(x, 0), 6)
Output relu6(const Output& x, At at = {});
// x where x >= 0, alpha * x elsewhere.
Output leaky_relu(const Output& x, double alpha = 0.2, At at = {});
// x where x >= 0, alpha * (exp(x) - 1) elsewhere (Clevert, Unterthiner, Hochreiter 2015). The slope at 0 is 1, for any alpha.
Output elu(const Output& x, double alpha, At at = {});
// The same with alpha = 1.
Output elu(const Output& x, At at = {});
// x * (1 + erf(x / sqrt(2))) / 2 (Hendrycks, Gimpel 2016), not the approximation by tanh.
Output gelu(const Output& x, At at = {});
// 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.
Output erf(const Output& x, At at = {});

// x converted to `dtype`, any to any: to integers truncating towards zero (values out of range give the
// nearest integer, NaN gives 0), to bool as x != 0. Small integer tensors stay known as values. The gradient is cast back;
// between other than floating dtypes there is none.
Output cast(const Output& x, DType dtype, At at = {});

// The gradients that pay as ops of their own: one pass instead of several, and no digits lost where they are small. `dy` has the
// shape and dtype of the other operand: relu and relu6 need only the sign of their result, the others read x, because 1 - y^2 of a
// rounded y says little about the slope of tanh at x.
// dy where y > 0, else 0
Output relu_grad(const Output& dy, const Output& y, At at = {});
// dy where 0 < y < 6, else 0
Output relu6_grad(const Output& dy, const Output& y, At at = {});
// dy where x > 0, else alpha * dy
Output leaky_relu_grad(const Output& dy, const Output& x, const LeakyReluAttrs& attrs, At at = {});
// dy where x >= 0, else dy * alpha * exp(x)
Output elu_grad(const Output& dy, const Output& x, const EluAttrs& attrs = {}, At at = {});
// dy / cosh(x)^2
Output tanh_grad(const Output& dy, const Output& x, At at = {});
// dy * sigmoid(x) * sigmoid(-x)
Output sigmoid_grad(const Output& dy, const Output& x, At at = {});
// dy times the derivative of gelu of order attrs.order: order 1 is Phi(x) + x * phi(x), the normal distribution and its density,
// order 2 phi(x) * (2 - x^2).
Output gelu_grad(const Output& dy, const Output& x, const DerivativeAttrs& attrs = {}, At at = {});
// dy times the derivative of erf of order attrs.order: order 1 is 2 / sqrt(pi) * exp(-x^2).
Output erf_grad(const Output& dy, const Output& x, const DerivativeAttrs& attrs = {}, At at = {});

}  // namespace gradus
