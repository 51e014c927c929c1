// ln(x) and ln(1 + x) over the whole range of T, subnormal numbers included, which Eigen's vectorised log takes for 0. Without
// branches or calls, so that the compiler vectorises the loops that contain it.
#pragma once

#include <array>
#include <bit>
#include <limits>

#include "gradus/core/language.h"
#include "gradus/core/polynomial.h"

namespace gradus::formulas {

// Coefficients by scripts/fit_polynomials.py of (2 s^2 / 3 + 2 s^4 / 5 + 2 s^6 / 7 + ...) / s^2, which is what ln((1 + s) / (1 - s)) / s
// exceeds 2 by, for |s| <= 0.172.
template <class T>
inline constexpr std::array<T, 0> kLogarithm = {};
template <>
inline constexpr std::array<float, 3> kLogarithm<float> = {0.6666668504f, 0.3998878057f, 0.2957994939f};
template <>
inline constexpr std::array<double, 7> kLogarithm<double> = {
    0.666666666666666969, 0.399999999998995045, 0.285714286259754849, 0.222222111347950799,
    0.181828891252617221, 0.153317216005560413, 0.146164496850434059};

// ln(x), or ln(x) + low for a small `low`. x = 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2), and s = f / (2 + f), so that
// ln(1 + f) = f - f^2/2 + s (f^2/2 + s^2 polynomial(s^2)): f itself is exact, and the rest is small beside it.
template <class T, class... Low>
[[gnu::always_inline]] constexpr T logarithm(T x, Low... low) {
  using Format = FloatFormat<T>;
  using Bits = typename Format::Bits;
  constexpr Bits kMantissa = Format::kMantissaBits;
  constexpr T kUpscale = static_cast<T>(Bits{1} << kMantissa) * 4;
  constexpr T kInteger = static_cast<T>(Bits{1} << kMantissa);  // its last bits hold an integer
  const bool tiny = x < std::numeric_limits<T>::min();
  const Bits bits = std::bit_cast<Bits>(tiny ? x * kUpscale : x);
  // The exponent, with the border at sqrt(1/2).
  const Bits biased =
      (bits - std::bit_cast<Bits>(static_cast<T>(0.70710678118654752)) + (Format::kBias << kMantissa)) >> kMantissa;
  const T k = std::bit_cast<T>(biased | std::bit_cast<Bits>(kInteger)) - kInteger -
              (tiny ? static_cast<T>(Format::kBias + kMantissa + 2) : static_cast<T>(Format::kBias));
  const T f = std::bit_cast<T>(bits - ((biased - Format::kBias) << kMantissa)) - 1;
  const T s = f / (2 + f), half_square = f * f / 2, square = s * s;
  const T small = s * (half_square + square * polynomial<kLogarithm<T>>(square)) + ((k * Format::kLn2Low) + ... + low);
  const T value = k * Format::kLn2High - ((half_square - small) - f);
  const T infinity = std::numeric_limits<T>::infinity();
  return x > 0 ? (x == infinity ? infinity : value) : x == 0 ? -infinity : std::numeric_limits<T>::quiet_NaN();
}

// ln(1 + x): what is lost in rounding 1 + x comes back divided by it.
template <class T>
[[gnu::always_inline]] constexpr T logarithm_of_one_plus(T x) {
  const T sum = 1 + x;
  const T lost = x > 1 ? 1 - (sum - x) : x - (sum - 1);
  const T value = logarithm(sum, lost / sum);
  return x == 0 ? x : value;
}

}  // namespace gradus::formulas
