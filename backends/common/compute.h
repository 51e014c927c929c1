// The types that kernels compute in, for every backend: host and device code include it alike, so it needs the standard library and
// core/half.h alone.
#pragma once

#include <cstdint>
#include <type_traits>

#include "gradus/core/half.h"

namespace gradus::common {

template <class T>
struct ComputeOf {
  using type = T;
};
template <class Format>
struct ComputeOf<Half<Format>> {
  using type = float;
};
// What formulas are computed in: types of 16 bits in float32, everything else in itself.
template <class T>
using Compute = typename ComputeOf<T>::type;

// What long sums are kept in: real numbers in float64, integers (exactly) in int64.
template <class T>
using Wide = std::conditional_t<std::is_integral_v<T>, std::int64_t, double>;

}  // namespace gradus::common
