// Indices and labels that kernels find in tensors in host memory: reading them, and refusing those that lead nowhere.
#pragma once

#include <string>

#include "gradus/core/kernel.h"

namespace gradus::common {

// Element k of an integer tensor.
inline std::int64_t index_value(const Tensor& indices, std::int64_t k) {
  switch (indices.dtype()) {
    case DType::kInt32: return static_cast<const std::int32_t*>(indices.raw())[k];
    case DType::kInt64: return static_cast<const std::int64_t*>(indices.raw())[k];
    default: return static_cast<const std::uint8_t*>(indices.raw())[k];
  }
}

// What is said of element k of indices of this shape, which must be in [0, size), and of a row's label.
std::string index_text(const Shape& indices, std::int64_t k, std::int64_t value, std::int64_t size);
std::string label_text(std::int64_t row, std::int64_t label, std::int64_t classes);

// The same, or OutOfRange with the position and the value where it lies outside [0, size).
std::int64_t checked_index(const KernelContext& c, const Tensor& indices, std::int64_t k, std::int64_t size);
// Label k, or OutOfRange with the row and the label where there is no such class.
std::int64_t checked_label(const KernelContext& c, const Tensor& labels, std::int64_t k, std::int64_t classes);

}  // namespace gradus::common
