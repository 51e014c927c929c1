// Copies between strided views of memory: the engine behind transpose, concat, slice, pad, tile, broadcast_to and the rest of
// the ops that only move elements.
#pragma once

#include <algorithm>
#include <cstdint>

#include "gradus/backends/common/loop_nest.h"
#include "gradus/core/kernel.h"

namespace gradus::cpu {

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

// Both, for backends/common/moves.h.
struct Mover {
  static void copy(KernelContext& c, const common::LoopNest& nest, void* dst, const void* src,
                   std::size_t element_size) {
    strided_copy(c, nest, dst, src, element_size);
  }
  static void fill(KernelContext& c, void* dst, std::int64_t count, const void* value, std::size_t element_size) {
    fill_elements(c, dst, count, value, element_size);
  }
};

}  // namespace gradus::cpu
