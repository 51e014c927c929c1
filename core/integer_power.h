// x to a power that is a whole number >= 0, by squaring; wraps around at the borders of its type.
#pragma once

#include "gradus/core/language.h"
#include "gradus/core/wrapping.h"

namespace gradus {

template <class T>
constexpr T integer_power(T x, T power) {
  auto result = wrapping(T{1}), factor = wrapping(x);
  for (auto rest = wrapping(power); rest != 0; rest >>= 1) {
    // uint8's products are int's.
    if ((rest & 1) != 0) result = static_cast<decltype(result)>(result * factor);
    factor = static_cast<decltype(factor)>(factor * factor);
  }
  return static_cast<T>(result);
}

// Of the run's error for a negative power.
inline constexpr const char* kNegativePower =
    "an integer to a negative power is no integer; cast both operands to float32 or float64";

}  // namespace gradus
