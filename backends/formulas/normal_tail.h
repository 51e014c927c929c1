// e^(-x^2) and the tail of the normal distribution, with all digits also where they are tiny: the square of a rounded x is off by
// x^2 ulps in the exponent, and 1 + erf(x) is a difference of nearly equal numbers. Without branches or calls, so that the
// compiler vectorises the loops that contain it.
#pragma once

#include <array>
#include <cmath>

#include "gradus/backends/formulas/exponential.h"

namespace gradus::formulas {

// Coefficients by scripts/fit_polynomials.py.
template <class T>
struct NormalTail;
template <>
struct NormalTail<float> {
  static constexpr std::uint32_t kLowerHalf = 0xfff;
  static constexpr float kEnd = 13;  // e^(-x^2) is 0 there, and long before; exponential.h computes it so
  static constexpr std::array<float, 11> kCoefficients = {
      0.2219706138f,     0.1645795495f,    0.08654964704f,  0.02775904265f,   0.001816944549f, -0.002416270020f,
      -0.0005745902405f, 0.0002651583714f, 8.783618921e-5f, -2.882735794e-5f, -9.110225208e-6f};
};
template <>
struct NormalTail<double> {
  static constexpr std::uint64_t kLowerHalf = 0x7ffffff;
  static constexpr double kEnd = 37;
  static constexpr std::array<double, 27> kCoefficients = {
      0.221970613834432797,     0.164579484086162968,      0.0865496374184615902,     0.0277603654737027616,
      0.00181713579550931460,   -0.00242389654737090587,   -0.000575642516453917139,  0.000283636906445015347,
      0.0000901399224965069564, -0.0000497462631137557238, -0.0000111255899130967737, 0.0000107308105338564124,
      2.44635767143342584e-7,   -2.24809864083127313e-6,   5.18199070627958848e-7,    3.49879055209315693e-7,
      -2.30619234002583680e-7,  -3.02412105250033675e-9,   5.84014083990977403e-8,    -2.25866280417481452e-8,
      -6.71320530158746233e-9,  8.99598569683309239e-9,    -1.31399891535535618e-9,   -1.87184682812574444e-9,
      7.05547844670087956e-10,  1.79621006493791271e-10,   -9.96740894127419985e-11};
};

template <class T>
inline constexpr T kSqrtTwo = static_cast<T>(1.4142135623730951);
template <class T>
inline constexpr T kTwoOverSqrtPi = static_cast<T>(1.1283791670955126);
template <class T>
inline constexpr T kOneOverSqrtTwoPi = static_cast<T>(0.3989422804014327);

// x, or the nearest number beyond which e^(-x^2 / 2), e^(-x^2) and all their multiples are 0. (copysign, because of a constant the
// compiler would make a branch with its own result.)
template <class T>
[[gnu::always_inline]] constexpr T within_half_squares(T x) {
  constexpr T end = NormalTail<T>::kEnd * kSqrtTwo<T>;
  return std::abs(x) > end ? std::copysign(end, x) : x;
}
template <class T>
[[gnu::always_inline]] constexpr T within_squares(T x) {
  constexpr T end = NormalTail<T>::kEnd;
  return std::abs(x) > end ? std::copysign(end, x) : x;
}

// e^(-scale x^2) * factor, for scale 1 or 1/2 and x within the above. x rounded to half of its digits has an exact square.
template <class T>
[[gnu::always_inline]] constexpr T bell_times(T x, T scale, T factor) {
  using Bits = typename ExponentialFormat<T>::Bits;
  constexpr Bits lower = NormalTail<T>::kLowerHalf;
  const T upper = std::bit_cast<T>((std::bit_cast<Bits>(x) + lower / 2 + 1) & ~lower);
  return exponential_times(-scale * (upper * upper), -scale * ((x - upper) * (x + upper)), factor);
}

// Q(t) = e^(t^2 / 2) * P(X > t) for t >= 0.
template <class T>
[[gnu::always_inline]] constexpr T scaled_normal_tail(T t) {
  const T s = 1 / (1 + static_cast<T>(0.3) * t);
  return s * polynomial<NormalTail<T>::kCoefficients>(2 * s - 1);
}

// erf(z) / z - 1 of z^2 < 1, by the series of 2 / sqrt(pi) (-z^2)^n / (n! (2n + 1)): near 0 it is more exact than 1 minus the tail.
template <class T>
constexpr auto error_function_coefficients() {
  std::array<T, sizeof(T) == 4 ? 11 : 19> c{};
  double magnitude = 1.1283791670955126;  // 2 / (sqrt(pi) n!)
  for (std::size_t n = 0; n < c.size(); magnitude /= static_cast<double>(++n)) {
    c[n] = static_cast<T>((n % 2 == 0 ? magnitude : -magnitude) / static_cast<double>(2 * n + 1));
  }
  c[0] = static_cast<T>(0.12837916709551257);  // 2 / sqrt(pi) - 1
  return c;
}
template <class T>
inline constexpr auto kErrorFunction = error_function_coefficients<T>();
template <class T>
[[gnu::always_inline]] constexpr T error_function_series(T square) {
  return polynomial<kErrorFunction<T>>(square);
}
// P(X <= x) for |x| < 1
template <class T>
[[gnu::always_inline]] constexpr T central_normal_distribution(T x) {
  return static_cast<T>(0.5) + x * (kSqrtTwo<T> / 4) * (1 + error_function_series(x * x / 2));
}

// x P(X <= x)
template <class T>
[[gnu::always_inline]] constexpr T gelu_of(T x) {
  const T near = within_half_squares(x), size = std::abs(near);
  const T tail = bell_times(near, static_cast<T>(0.5), (x < 0 ? near : 1) * scaled_normal_tail(size));
  const T central = x * central_normal_distribution(near);
  return size < 1 ? central : x < 0 ? tail : x * (1 - tail);
}

// P(X <= x) + x phi(x). Beyond 1 both terms carry the same power, which is taken out.
template <class T>
[[gnu::always_inline]] constexpr T gelu_slope(T x) {
  const T near = within_half_squares(x), size = std::abs(near), density = kOneOverSqrtTwoPi<T> * size;
  const bool is_central = size < 1;
  const T power = bell_times(near, static_cast<T>(0.5), is_central ? density : density - scaled_normal_tail(size));
  const T start = is_central ? central_normal_distribution(near) : x < 0 ? T{0} : T{1};
  return x < 0 ? start - power : start + power;
}

// The derivative of gelu of any order from 2 on: n phi^(n-2)(x) + x phi^(n-1)(x), where phi^(k) = p_k phi with the polynomials
// p_0 = 1, p_1 = -x, p_(k+1) = -x p_k - k p_(k-1) (Hermite's, but for the sign).
template <class T>
[[gnu::always_inline]] constexpr T gelu_derivative(T x, std::int64_t order) {
  const T near = within_half_squares(x);
  T before = 1, now = -near;
  for (std::int64_t k = 1; k < order - 1; ++k) {
    const T next = -near * now - static_cast<T>(k) * before;
    before = now;
    now = next;
  }
  return bell_times(near, static_cast<T>(0.5), kOneOverSqrtTwoPi<T> * (static_cast<T>(order) * before + near * now));
}

template <class T>
[[gnu::always_inline]] constexpr T error_function(T x) {
  const T near = within_squares(x), size = std::abs(near);
  const T large = 1 - bell_times(near, T{1}, 2 * scaled_normal_tail(kSqrtTwo<T> * size));
  return size < 1 ? x + x * error_function_series(near * near) : x < 0 ? -large : large;
}

// The derivative of erf of any order from 1 on: 2 / sqrt(pi) h_(n-1)(x) e^(-x^2), h_0 = 1, h_(k+1) = -2 x h_k - 2 k h_(k-1).
template <class T>
[[gnu::always_inline]] constexpr T error_function_derivative(T x, std::int64_t order) {
  const T near = within_squares(x);
  T before = 0, now = 1;
  for (std::int64_t k = 0; k < order - 1; ++k) {
    const T next = -2 * near * now - static_cast<T>(2 * k) * before;
    before = now;
    now = next;
  }
  return bell_times(near, T{1}, kTwoOverSqrtPi<T> * now);
}

}  // namespace gradus::formulas
