// Integer arithmetic that wraps around at the borders of its type, where C++ leaves signed overflow undefined:
// static_cast<T>(wrapping(a) + wrapping(b)). Floating values pass through.
#pragma once

#include <type_traits>

namespace gradus {

template <class T>
constexpr auto wrapping(T value) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    return static_cast<std::make_unsigned_t<T>>(value);
  } else {
    return value;
  }
}

// floor(x / y) of integers, y != 0.
template <class T>
constexpr T floor_quotient(T x, T y) {
  if (y == static_cast<T>(-1) && std::is_signed_v<T>) return static_cast<T>(0 - wrapping(x));
  return static_cast<T>(x / y - ((x % y != 0 && (x < 0) != (y < 0)) ? 1 : 0));
}

}  // namespace gradus
