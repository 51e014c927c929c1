// A normal number from two uniform ones, by sums, products, quotients and square roots alone: these every processor rounds alike, where
// the logarithms and cosines of two libraries differ in the last digit. A compiler that joins a product and a sum into one rounding would
// still change that digit: what needs the same bits is compiled with -ffp-contract=off (--fmad=false by nvcc), as all of the library is
// but its kernels.
#pragma once

#include <array>
#include <cmath>

#include "gradus/core/language.h"
#include "gradus/core/logarithm.h"
#include "gradus/core/polynomial.h"

namespace gradus::formulas {

// Coefficients by scripts/fit_polynomials.py of (sin(2 pi t) / t - 4) / w in w = 1/16 - t^2, for |t| <= 1/4.
template <class T>
inline constexpr std::array<T, 0> kCosineOfTurns = {};
template <>
inline constexpr std::array<double, 8> kCosineOfTurns<double> = {
    31.9999999999999999, 68.1726591651406932, 66.7625466421916147,  37.5594170917600291,
    13.7196662259152047, 3.51694653891552994, 0.667373535135568422, 0.100532663746013250};

// cos(2 pi u) for u in [0, 1] of at most 53 binary places. It is -sin(2 pi t) with t = 1/4 - |u - 1/2|, in which 4 t and the factors of w
// are exact, and the rest is small beside 4 t.
template <class T>
[[gnu::always_inline]] constexpr T cosine_of_turns(T u) {
  const T a = std::abs(u - static_cast<T>(0.5)), t = static_cast<T>(0.25) - a, w = a * (static_cast<T>(0.5) - a);
  return -4 * t - t * (w * polynomial<kCosineOfTurns<T>>(w));
}

// A standard normal number from independent u in (0, 1] and v in [0, 1) (Box and Muller, 1958).
template <class T>
[[gnu::always_inline]] constexpr T box_muller(T u, T v) {
  return std::sqrt(-2 * logarithm(u)) * cosine_of_turns(v);
}

}  // namespace gradus::formulas
