// The types that kernels compute in, for every backend: host and device code include it alike, so it needs the standard library and
// core/float16.h alone. A further storage type, such as bfloat16, gets its line here and nowhere else.
#pragma once

#include <cstdint>
#include <type_traits>

#include "gradus/core/float16.h"

namespace gradus::common {

template <class T>
struct ComputeOf {
  using type = T;
};
template <>
struct ComputeOf<Float16> {
  using type = float;
};
// What formulas are computed in: float16 in float32, everything else in itself.
template <class T>
using Compute = typename ComputeOf<T>::type;

// What long sums are kept in: real numbers in float64, integers (exactly) in int64.
template <class T>
using Wide = std::conditional_t<std::is_integral_v<T>, std::int64_t, double>;

}  // namespace gradus::common
