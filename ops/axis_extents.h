// A tensor seen around one axis: all that kernels need to know of a shape when they work along a dimension.
#pragma once

#include <cstdint>

#include "gradus/core/shape.h"

namespace gradus {

// [outer, axis, inner]: how many numbers lie before, in and after a dimension. inner is 1 where it is the last one.
struct AxisExtents {
  std::int64_t outer = 1, axis = 1, inner = 1;
};

// `axis` counts from the end where it is negative.
inline AxisExtents axis_extents(const Shape& shape, std::int64_t axis) {
  const int at = normalize_axis(axis, shape.rank());
  AxisExtents e;
  for (int d = 0; d < at; ++d) e.outer *= shape[d];
  e.axis = shape[at];
  for (int d = at + 1; d < shape.rank(); ++d) e.inner *= shape[d];
  return e;
}

}  // namespace gradus
