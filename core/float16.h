// IEEE 754 binary16 storage type. Arithmetic happens in float32: convert, compute, convert back (round to nearest even).
// Plain integer code, so that the header compiles to the same thing under every instruction-set flag.
#pragma once

#include <bit>
#include <cstdint>

#include "gradus/core/language.h"

namespace gradus {

class Float16 {
 public:
  constexpr Float16() = default;
  constexpr explicit Float16(float value) : bits_(from_float(value)) {}
  // Rounds once: a double goes to the nearest float16 directly, not by way of float32.
  constexpr explicit Float16(double value) : bits_(from_double(value)) {}
  constexpr explicit Float16(int value) : Float16(static_cast<double>(value)) {}
  constexpr explicit operator float() const { return to_float(bits_); }
  constexpr explicit operator double() const { return static_cast<double>(to_float(bits_)); }

  static constexpr Float16 from_bits(std::uint16_t bits) {
    Float16 h;
    h.bits_ = bits;
    return h;
  }
  constexpr std::uint16_t bits() const { return bits_; }

  friend constexpr bool operator==(Float16 a, Float16 b) { return static_cast<float>(a) == static_cast<float>(b); }
  friend constexpr bool operator<(Float16 a, Float16 b) { return static_cast<float>(a) < static_cast<float>(b); }

 private:
  static constexpr std::uint16_t from_float(float value) {
    const std::uint32_t f = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (f >> 16) & 0x8000u;
    const std::uint32_t magnitude = f & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);   // NaN stays NaN
    if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // rounds to infinity (>= 65520)
    if (magnitude < 0x38800000u) {  // result is subnormal: align to 2^-24 and round
      if (magnitude < 0x33000000u) return static_cast<std::uint16_t>(sign);
      const std::uint32_t shift = 126u - (magnitude >> 23);
      const std::uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
      return static_cast<std::uint16_t>(sign | round_shift(mantissa, shift));
    }
    return static_cast<std::uint16_t>(sign | round_shift(magnitude - 0x38000000u, 13));
  }

  static constexpr std::uint16_t from_double(double value) {
    // Round to odd in float32 first (sticky low bit), so that the second rounding sees whether anything was cut off.
    const float nearest = static_cast<float>(value);
    std::uint32_t f = std::bit_cast<std::uint32_t>(nearest);
    const double back = static_cast<double>(nearest);
    if (back != value && value == value && (f & 0x7f800000u) != 0x7f800000u) {
      const bool grew = value < 0 ? back < value : back > value;
      if (grew) f -= 1;  // toward zero in magnitude
      f |= 1u;
    }
    return from_float(std::bit_cast<float>(f));
  }

  static constexpr std::uint32_t round_shift(std::uint32_t value, std::uint32_t shift) {
    const std::uint32_t half = 1u << (shift - 1);
    const std::uint32_t rest = value & ((1u << shift) - 1);
    std::uint32_t result = value >> shift;
    if (rest > half || (rest == half && (result & 1u))) ++result;
    return result;
  }

  static constexpr float to_float(std::uint16_t bits) {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    const std::uint32_t magnitude = bits & 0x7fffu;
    if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
    if (magnitude >= 0x400u) return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000u));
    const float subnormal = static_cast<float>(magnitude) * 5.9604644775390625e-8f;  // 2^-24
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(subnormal));
  }

  std::uint16_t bits_ = 0;
};

static_assert(sizeof(Float16) == 2);

}  // namespace gradus
