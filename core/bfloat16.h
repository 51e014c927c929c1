// bfloat16, the upper half of a float32: its eight bits of exponent and so its range, but eight digits.
#pragma once

#include "gradus/core/half.h"

namespace gradus {

struct BrainFloat {
  static constexpr std::uint16_t kInfinity = 0x7f80u;

  // Without branches, so that loops of it are vectorised.
  static constexpr std::uint16_t from_float(float value) {
    const std::uint32_t f = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (f >> 16) & 0x8000u;
    const std::uint32_t magnitude = f & 0x7fffffffu;
    // Up where the lower half is above its middle, or in the middle of an odd number; a carry goes on to the exponent, and at last to
    // infinity. Subnormal numbers are no exception.
    const std::uint32_t rounded = (magnitude + 0x7fffu + ((magnitude >> 16) & 1u)) >> 16;
    return static_cast<std::uint16_t>(sign | (magnitude > 0x7f800000u ? 0x7fc0u : rounded));  // NaN stays NaN
  }

  static constexpr float to_float(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

using BFloat16 = Half<BrainFloat>;
static_assert(sizeof(BFloat16) == 2);

}  // namespace gradus
