// One formula per element-wise op of one operand, and per op that computes the gradient of one. NaN stays NaN.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "gradus/backends/formulas/exponential.h"
#include "gradus/backends/formulas/formula.h"
#include "gradus/backends/formulas/normal_tail.h"
#include "gradus/backends/formulas/softplus.h"
#include "gradus/core/logarithm.h"
#include "gradus/core/wrapping.h"
#include "gradus/ops/unary.h"

namespace gradus::formulas {

struct Negate {
  template <class T>
  constexpr auto operator()(T x) const {
    return -wrapping(x);
  }
};
struct Absolute {
  template <class T>
  constexpr auto operator()(T x) const {
    if constexpr (std::is_integral_v<T>)
      return x < 0 ? -wrapping(x) : wrapping(x);
    else
      return std::abs(x);
  }
};
struct Sign {
  template <class T>
  constexpr T operator()(T x) const {
    return x > 0 ? static_cast<T>(1) : x < 0 ? static_cast<T>(-1) : x;
  }
};
struct Square {
  template <class T>
  constexpr auto operator()(T x) const {
    return wrapping(x) * wrapping(x);
  }
};
struct SquareRoot {
  template <class T>
  constexpr T operator()(T x) const {
    return std::sqrt(x);
  }
};
struct ReciprocalSquareRoot {
  template <class T>
  constexpr T operator()(T x) const {
    return 1 / std::sqrt(x);
  }
};
struct Exponential {
  template <class T>
  constexpr T operator()(T x) const {
    return exponential(x);
  }
};
struct Logarithm {
  template <class T>
  constexpr T operator()(T x) const {
    return logarithm(x);
  }
};
struct LogarithmOfOnePlus {
  template <class T>
  constexpr T operator()(T x) const {
    return logarithm_of_one_plus(x);
  }
};
// With e^-|x|, which cannot overflow.
struct Sigmoid {
  template <class T>
  constexpr T operator()(T x) const {
    const T power = exponential(-std::abs(x));
    return (x < 0 ? power : 1) / (1 + power);
  }
};
struct Softplus {
  template <class T>
  constexpr T operator()(T x) const {
    return (x < 0 ? 0 : x) + softplus_curve(x);
  }
};
struct Relu {
  template <class T>
  constexpr T operator()(T x) const {
    return x < 0 ? T{0} : x;
  }
};
struct Relu6 {
  template <class T>
  constexpr T operator()(T x) const {
    return x < 0 ? T{0} : x > 6 ? T{6} : x;
  }
};
struct LeakyRelu {
  using Attrs = LeakyReluAttrs;
  explicit LeakyRelu(const Attrs& attrs) : alpha(attrs.alpha) {}
  template <class T>
  constexpr T operator()(T x) const {
    return x >= 0 ? x : static_cast<T>(alpha) * x;
  }
  double alpha;
};
struct Elu {
  using Attrs = EluAttrs;
  explicit Elu(const Attrs& attrs) : alpha(attrs.alpha) {}
  template <class T>
  constexpr T operator()(T x) const {
    return x >= 0 ? x : static_cast<T>(alpha) * exponential_minus_one(x);
  }
  double alpha;
};
struct Gelu {
  template <class T>
  constexpr T operator()(T x) const {
    return gelu_of(x);
  }
};
struct ErrorFunction {
  template <class T>
  constexpr T operator()(T x) const {
    return error_function(x);
  }
};

// Gradients: dx from dy and the operand or the result.
struct ReluGrad {
  template <class T>
  constexpr T operator()(T dy, T y) const {
    return y > 0 ? dy : T{0};
  }
};
struct Relu6Grad {
  template <class T>
  constexpr T operator()(T dy, T y) const {
    return y > 0 && y < 6 ? dy : T{0};
  }
};
struct LeakyReluGrad {
  using Attrs = LeakyReluAttrs;
  explicit LeakyReluGrad(const Attrs& attrs) : alpha(attrs.alpha) {}
  template <class T>
  constexpr T operator()(T dy, T x) const {
    return x > 0 ? dy : static_cast<T>(alpha) * dy;
  }
  double alpha;
};
struct EluGrad {
  using Attrs = EluAttrs;
  explicit EluGrad(const Attrs& attrs) : alpha(attrs.alpha) {}
  template <class T>
  constexpr T operator()(T dy, T x) const {
    return x >= 0 ? dy : dy * (static_cast<T>(alpha) * exponential(x));
  }
  double alpha;
};
// 1 / cosh(x)^2 and 1 / (2 cosh(x / 2))^2, with powers that cannot overflow.
// By e^(-2|x|) - 1, which cancels nothing near 0, where x is nearer than what is left of that.
struct HyperbolicTangent {
  template <class T>
  constexpr T operator()(T x) const {
    const T t = exponential_minus_one(-2 * std::abs(x));
    return x * x < std::numeric_limits<T>::epsilon() / 2 ? x : std::copysign(-t / (2 + t), x);
  }
};
struct TanhGrad {
  template <class T>
  constexpr T operator()(T dy, T x) const {
    const T power = exponential(-2 * std::abs(x)), sum = 1 + power;
    return dy * (4 * power / (sum * sum));
  }
};
struct SigmoidGrad {
  template <class T>
  constexpr T operator()(T dy, T x) const {
    const T power = exponential(-std::abs(x)), sum = 1 + power;
    return dy * (power / (sum * sum));
  }
};

// But for Sin, Cos and Tanh, of which every backend has a faster one; for the derivatives of Gelu and Erf, whose loops depend on the
// order; and for Cast.
template <class Add>
void for_each_unary_formula(Add&& add) {
  add("Neg", numeric<1>, Negate{});
  add("Abs", numeric<1>, Absolute{});
  add("Sign", numeric<1>, Sign{});
  add("Square", numeric<1>, Square{});
  add("Sqrt", real<1>, SquareRoot{});
  add("Rsqrt", real<1>, ReciprocalSquareRoot{});
  add("Exp", real<1>, Exponential{});
  add("Log", real<1>, Logarithm{});
  add("Log1p", real<1>, LogarithmOfOnePlus{});
  add("Sigmoid", real<1>, Sigmoid{});
  add("Softplus", real<1>, Softplus{});
  add("Relu", numeric<1>, Relu{});
  add("Relu6", numeric<1>, Relu6{});
  add("LeakyRelu", real<1>, LeakyRelu(LeakyReluAttrs{}));
  add("Elu", real<1>, Elu(EluAttrs{}));
  add("Gelu", real<1>, Gelu{});
  add("Erf", real<1>, ErrorFunction{});
  add("ReluGrad", real_of_one_shape<2>, ReluGrad{});
  add("Relu6Grad", real_of_one_shape<2>, Relu6Grad{});
  add("LeakyReluGrad", real_of_one_shape<2>, LeakyReluGrad(LeakyReluAttrs{}));
  add("EluGrad", real_of_one_shape<2>, EluGrad(EluAttrs{}));
  add("TanhGrad", real_of_one_shape<2>, TanhGrad{});
  add("SigmoidGrad", real_of_one_shape<2>, SigmoidGrad{});
}

}  // namespace gradus::formulas
