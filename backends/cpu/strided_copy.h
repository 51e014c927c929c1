// Copies between strided views of memory: the engine behind transpose, concat, slice, pad, tile, broadcast_to and the rest of
// the ops that only move elements.
#pragma once

#include <algorithm>
#include <cstdint>

#include "gradus/backends/common/loop_nest.h"
#include "gradus/core/kernel.h"

namespace gradus::cpu {

inline std::size_t at(int d) { return static_cast<std::size_t>(d); }

// Where element i lies.
inline const char* element(const Tensor& t, std::int64_t i) {
  return static_cast<const char*>(t.raw()) + i * static_cast<std::int64_t>(dtype_size(t.dtype()));
}
inline char* element(Tensor& t, std::int64_t i) {
  return static_cast<char*>(t.raw()) + i * static_cast<std::int64_t>(dtype_size(t.dtype()));
}

// Rows are what is contiguous along the last axis; they are counted over all other axes.
inline std::int64_t last_dim(const Shape& shape) { return shape.rank() == 0 ? 1 : shape[shape.rank() - 1]; }
inline std::int64_t row_count(const Shape& shape) {
  return shape.num_elements() / std::max<std::int64_t>(1, last_dim(shape));
}

// dst[offset of operand 0] = src[offset of operand 1] for all iterations of the nest, in parallel. No two iterations may write the
// same element; dst and src must not overlap.
void strided_copy(KernelContext& c, const common::LoopNest& nest, void* dst, const void* src, std::size_t element_size);

// `element_size` bytes at `value`, repeated `count` times from dst on, in parallel.
void fill_elements(KernelContext& c, void* dst, std::int64_t count, const void* value, std::size_t element_size);
// Zero bytes, in parallel.
void zero_bytes(KernelContext& c, void* dst, std::size_t bytes);

}  // namespace gradus::cpu
