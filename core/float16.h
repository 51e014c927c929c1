// IEEE 754 binary16: five bits of exponent, eleven digits; 2^-24 to 65504.
#pragma once

#include "gradus/core/half.h"

namespace gradus {

struct Binary16 {
  static constexpr std::uint16_t kInfinity = 0x7c00u;

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

  static constexpr float to_float(std::uint16_t bits) {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    const std::uint32_t magnitude = bits & 0x7fffu;
    if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
    if (magnitude >= 0x400u) return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000u));
    const float subnormal = static_cast<float>(magnitude) * 5.9604644775390625e-8f;  // 2^-24
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(subnormal));
  }

 private:
  static constexpr std::uint32_t round_shift(std::uint32_t value, std::uint32_t shift) {
    const std::uint32_t half = 1u << (shift - 1);
    const std::uint32_t rest = value & ((1u << shift) - 1);
    std::uint32_t result = value >> shift;
    if (rest > half || (rest == half && (result & 1u))) ++result;
    return result;
  }
};

using Float16 = Half<Binary16>;
static_assert(sizeof(Float16) == 2);

}  // namespace gradus
