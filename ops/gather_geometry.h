// What the kernels of gather, its gradient and one_hot share: the tensor seen as [outer, dim, inner], and reading indices.
#pragma once

#include <string>

#include "gradus/core/kernel.h"

namespace gradus {

struct GatherGeometry {
  std::int64_t outer = 1;  // elements before the axis
  std::int64_t dim = 1;    // size of the axis
  std::int64_t inner = 1;  // elements after it
  std::int64_t count = 0;  // indices
};

inline GatherGeometry gather_geometry(const Shape& params, const Tensor& indices, std::int64_t axis) {
  GatherGeometry g;
  const int a = normalize_axis(axis, params.rank());
  for (int d = 0; d < a; ++d) g.outer *= params[d];
  g.dim = params[a];
  for (int d = a + 1; d < params.rank(); ++d) g.inner *= params[d];
  g.count = indices.num_elements();
  return g;
}

// Element k of an integer tensor.
inline std::int64_t index_value(const Tensor& indices, std::int64_t k) {
  switch (indices.dtype()) {
    case DType::kInt32: return static_cast<const std::int32_t*>(indices.raw())[k];
    case DType::kInt64: return static_cast<const std::int64_t*>(indices.raw())[k];
    default: return static_cast<const std::uint8_t*>(indices.raw())[k];
  }
}

// The same, or OutOfRange with the position and the value when it lies outside [0, dim).
inline std::int64_t checked_index(const KernelContext& c, const Tensor& indices, std::int64_t k, std::int64_t dim) {
  const std::int64_t value = index_value(indices, k);
  if (value >= 0 && value < dim) return value;
  std::string position;
  std::int64_t rest = k;
  for (int d = indices.shape().rank() - 1; d >= 0; --d) {
    position = std::to_string(rest % indices.shape()[d]) + (position.empty() ? "" : ",") + position;
    rest /= indices.shape()[d];
  }
  c.fail(Code::kOutOfRange,
         "indices[" + position + "] is " + std::to_string(value) + ", outside [0, " + std::to_string(dim) + ")");
}

}  // namespace gradus
