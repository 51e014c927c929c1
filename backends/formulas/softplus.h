// ln(1 + e^-|x|), which softplus and the sigmoid's cross-entropy add to a piecewise linear function of x. The power is at most 1, for which
// the logarithm needs neither an exponent nor what rounding takes from 1 + power.
#pragma once

#include <cmath>

#include "gradus/backends/formulas/exponential.h"
#include "gradus/core/logarithm.h"

namespace gradus::formulas {

// ln(1 + p) for 0 <= p <= 1, as logarithm() computes ln(1 + f): with f = p, or f = (p - 1) / 2 and ln(2) added.
template <class T>
[[gnu::always_inline]] constexpr T logarithm_of_one_plus_power(T p) {
  const bool is_large = p > static_cast<T>(0.41421356237309503);
  const T f = is_large ? (p - 1) / 2 : p;
  const T s = f / (2 + f), half_square = f * f / 2, square = s * s;
  const T small =
      s * (half_square + square * polynomial<kLogarithm<T>>(square)) + (is_large ? FloatFormat<T>::kLn2Low : 0);
  return (is_large ? FloatFormat<T>::kLn2High : 0) - ((half_square - small) - f);
}

template <class T>
[[gnu::always_inline]] constexpr T softplus_curve(T x) {
  return logarithm_of_one_plus_power(exponential(-std::abs(x)));
}

}  // namespace gradus::formulas
