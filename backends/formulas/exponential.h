// e^x over the whole range of T, 0 and infinity at its ends included, and NaN for NaN: Eigen's vectorised exp stops short of
// both ends, by other amounts under other instruction sets. Without branches, and always inlined: a loop that contains a call is
// not vectorised.
#pragma once

#include <bit>

#include "gradus/core/polynomial.h"

namespace gradus::formulas {

template <class T>
struct ExponentialFormat;
template <>
struct ExponentialFormat<float> : FloatFormat<float> {
  static constexpr float kLowest = -170, kHighest = 89;  // far below the smallest number; infinite above
  static constexpr int kDegree = 7;                      // of the series: |r| <= ln(2) / 2 leaves less than an ulp
};
template <>
struct ExponentialFormat<double> : FloatFormat<double> {
  static constexpr double kLowest = -1400, kHighest = 710;
  static constexpr int kDegree = 13;
};

// (e^r - 1) / r = 1 + r/2! + r^2/3! + ..., from the term of r^k / (k + 1)! on.
template <class T, int k = 0>
[[gnu::always_inline]] constexpr T exponential_series(T r, T factorial = 1) {
  const T term = 1 / (factorial * (k + 1));
  if constexpr (k + 1 == ExponentialFormat<T>::kDegree) {
    return term;
  } else {
    return exponential_series<T, k + 1>(r, factorial * (k + 1)) * r + term;
  }
}

// x = n ln(2) + r, with 2^n in two halves, because n may be beyond the exponents of normal numbers.
template <class T>
struct ReducedExponent {
  T n, r, half, rest;
};
template <class T>
[[gnu::always_inline]] constexpr ReducedExponent<T> reduced_exponent(T x) {
  using Format = ExponentialFormat<T>;
  using Bits = typename Format::Bits;
  constexpr T kOneOverLn2 = static_cast<T>(1.4426950408889634);
  constexpr T kRound =
      static_cast<T>(3) * (Bits{1} << (Format::kMantissaBits - 1));  // a sum with it is rounded to an integer
  x = x < Format::kLowest ? Format::kLowest : x > Format::kHighest ? Format::kHighest : x;
  const T rounded = x * kOneOverLn2 + kRound, n = rounded - kRound, rounded_half = n / 2 + kRound;
  const Bits half = std::bit_cast<Bits>(rounded_half) - std::bit_cast<Bits>(kRound);
  const Bits rest = std::bit_cast<Bits>(rounded) - std::bit_cast<Bits>(kRound) - half;
  const auto power_of_two = [](Bits e) { return std::bit_cast<T>((e + Format::kBias) << Format::kMantissaBits); };
  return {n, (x - n * Format::kLn2High) - n * Format::kLn2Low, power_of_two(half), power_of_two(rest)};
}

// e^x
template <class T>
[[gnu::always_inline]] constexpr T exponential(T x) {
  const ReducedExponent<T> e = reduced_exponent(x);
  return (1 + exponential_series(e.r) * e.r) * e.half * e.rest;
}

// e^x - 1, without cancellation near 0
template <class T>
[[gnu::always_inline]] constexpr T exponential_minus_one(T x) {
  const ReducedExponent<T> e = reduced_exponent(x);
  const T fraction = exponential_series(e.r) * e.r;
  return e.n == 0 ? fraction : (1 + fraction) * e.half * e.rest - 1;
}

// e^(x + low) * factor, for a small `low` that x has no digits for and a factor of moderate size: exact to rounding also where the
// power alone would be below the normal numbers.
template <class T>
[[gnu::always_inline]] constexpr T exponential_times(T x, T low, T factor) {
  const ReducedExponent<T> e = reduced_exponent(x);
  const T r = e.r + low;
  return (1 + exponential_series(r) * r) * factor * e.half * e.rest;
}

}  // namespace gradus::formulas
