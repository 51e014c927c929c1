// Copies between strided views of memory: the engine behind transpose, concat, slice, pad, tile, broadcast_to and the rest of
// the ops that only move elements.
#pragma once

#include <array>
#include <cstdint>

#include "gradus/core/kernel.h"

namespace gradus::cpu {

// A loop nest, outermost dimension first: dst[sum i_d * dst_stride_d] = src[sum i_d * src_stride_d]. Strides count elements;
// a source stride of 0 repeats, a negative one goes backwards.
class StridedCopy {
 public:
  static constexpr int kMaxLoops = 2 * Shape::kMaxRank;

  // Adds the next inner loop.
  void loop(std::int64_t count, std::int64_t dst_stride, std::int64_t src_stride);
  // Runs it in parallel. No two iterations may write the same element; dst and src must not overlap.
  void run(KernelContext& c, void* dst, const void* src, std::size_t element_size);

 private:
  struct Loop {
    std::int64_t count, dst_stride, src_stride;
  };
  void merge_loops();
  template <class T>
  void run_typed(KernelContext& c, T* dst, const T* src);
  template <class T>
  void run_transposed(KernelContext& c, T* dst, const T* src, int source_loop);

  std::array<Loop, kMaxLoops> loops_{};
  int count_ = 0;
};

// Row-major strides of a shape, in elements.
std::array<std::int64_t, Shape::kMaxRank> row_major_strides(const Shape& shape);

// `element_size` bytes at `value`, repeated `count` times from dst on, in parallel.
void fill_elements(KernelContext& c, void* dst, std::int64_t count, const void* value, std::size_t element_size);
// Zero bytes, in parallel.
void zero_bytes(KernelContext& c, void* dst, std::size_t bytes);

// Elements that are worth a chunk of their own when memory is moved.
inline constexpr std::int64_t kCopyChunk = 32768;

}  // namespace gradus::cpu
