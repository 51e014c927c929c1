// What the floating types of 16 bits have in common: they only store numbers. Arithmetic happens in float32: convert, compute, convert
// back (round to nearest even). Plain integer code, so that the headers compile to the same thing under every instruction-set flag, and
// for GPUs. The formats are in core/float16.h and core/bfloat16.h.
#pragma once

#include <bit>
#include <cstdint>

#include "gradus/core/language.h"

namespace gradus {

// Format: kInfinity, its bits, and the conversions from_float() and to_float() between bits and float32.
template <class Format>
class Half {
 public:
  constexpr Half() = default;
  constexpr explicit Half(float value) : bits_(Format::from_float(value)) {}
  // Rounds once: a double goes to the nearest number of 16 bits directly, not by way of the nearest float32.
  constexpr explicit Half(double value) : bits_(Format::from_float(rounded_to_odd(value))) {}
  constexpr explicit Half(int value) : Half(static_cast<double>(value)) {}
  constexpr explicit operator float() const { return Format::to_float(bits_); }
  constexpr explicit operator double() const { return static_cast<double>(Format::to_float(bits_)); }

  static constexpr Half from_bits(std::uint16_t bits) {
    Half h;
    h.bits_ = bits;
    return h;
  }
  constexpr std::uint16_t bits() const { return bits_; }

  static constexpr std::uint16_t kInfinity = Format::kInfinity;  // bits; those of NaNs are larger

  friend constexpr bool operator==(Half a, Half b) { return static_cast<float>(a) == static_cast<float>(b); }
  friend constexpr bool operator<(Half a, Half b) { return static_cast<float>(a) < static_cast<float>(b); }

 private:
  // In float32, with the lowest bit set where anything was cut off, so that a second rounding sees it.
  static constexpr float rounded_to_odd(double value) {
    const float nearest = static_cast<float>(value);
    std::uint32_t f = std::bit_cast<std::uint32_t>(nearest);
    const double back = static_cast<double>(nearest);
    if (back != value && value == value && (f & 0x7f800000u) != 0x7f800000u) {
      const bool grew = value < 0 ? back < value : back > value;
      if (grew) f -= 1;  // toward zero in magnitude
      f |= 1u;
    }
    return std::bit_cast<float>(f);
  }

  std::uint16_t bits_ = 0;
};

template <class T>
inline constexpr bool is_half_type = false;
template <class Format>
inline constexpr bool is_half_type<Half<Format>> = true;

}  // namespace gradus
