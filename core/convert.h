// The conversion of one element to another dtype, the same for tensors (cast, fill, full, set) and kernels (Cast): floating values are truncated to integers,
// those beyond the integer's range become its nearest value and NaN becomes 0 (plain C++ leaves both undefined); integers
// keep their low bits; bool is value != 0; a number of 16 bits is rounded once. A number that a user writes down for a graph is stricter:
// core/number.h.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "gradus/core/half.h"

namespace gradus {

template <class To>
constexpr To truncated(double value) {
  using Limits = std::numeric_limits<To>;
  constexpr double low = static_cast<double>(Limits::min());
  constexpr double beyond = 2.0 * static_cast<double>(std::uint64_t{1} << (Limits::digits - 1));
  if (value != value) return To{0};
  if (value <= low) return Limits::min();
  if (value >= beyond) return Limits::max();
  return static_cast<To>(value);
}

template <class To, class From>
constexpr To convert_element(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return static_cast<double>(value) != 0.0;
  } else if constexpr (is_half_type<To>) {
    return To(static_cast<double>(value));
  } else if constexpr (std::is_integral_v<To> && !std::is_integral_v<From>) {
    return truncated<To>(static_cast<double>(value));
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace gradus
