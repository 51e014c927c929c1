// What formulas for logarithms, powers and sines are made of: polynomials, and how a floating type is laid out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "gradus/core/language.h"

namespace gradus::formulas {

template <class T>
struct FloatFormat;
template <>
struct FloatFormat<float> {
  using Bits = std::uint32_t;
  static constexpr Bits kMantissaBits = 23, kBias = 127;
  // ln(2) in two parts: n * kLn2High is exact for every exponent n.
  static constexpr float kLn2High = 0x1.63p-1f, kLn2Low = -0x1.bd0106p-13f;
};
template <>
struct FloatFormat<double> {
  using Bits = std::uint64_t;
  static constexpr Bits kMantissaBits = 52, kBias = 1023;
  static constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;
};

// c[0] + c[1] x + c[2] x^2 + ... for polynomial<c>(x). Coefficients go by their name, because what runs on a GPU cannot refer to the
// host's constants: where one is passed by reference, nvcc puts a trap, without a word.
template <const auto& coefficients, class T>
[[gnu::always_inline]] constexpr T polynomial(T x) {
  constexpr auto c = coefficients;
  return [&]<std::size_t... k>(std::index_sequence<k...>) __attribute__((always_inline)) {
    T sum = c[c.size() - 1];
    ((sum = sum * x + c[c.size() - 2 - k]), ...);
    return sum;
  }
  (std::make_index_sequence<c.size() - 1>{});
}

}  // namespace gradus::formulas
