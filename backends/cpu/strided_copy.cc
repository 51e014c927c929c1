// Three ways: contiguous rows by memcpy, rows with a stride on one side element by element, and transposed matrices in tiles.
#include "gradus/backends/cpu/strided_copy.h"

#include <algorithm>
#include <cstring>

#include "gradus/backends/cpu/kernels.h"

namespace gradus::cpu {
namespace {

template <class T>
void copy_row(T* dst, const T* src, std::int64_t count, std::int64_t dst_stride, std::int64_t src_stride) {
  if (dst_stride == 1 && src_stride == 1) {
    // A call of memcpy costs more than moving a few elements.
    if (count >= 16)
      std::memcpy(dst, src, static_cast<std::size_t>(count) * sizeof(T));
    else
      for (std::int64_t i = 0; i < count; ++i) dst[i] = src[i];
  } else if (dst_stride == 1 && src_stride == 0) {
    std::fill_n(dst, count, *src);
  } else if (dst_stride == 1) {
    for (std::int64_t i = 0; i < count; ++i) dst[i] = src[i * src_stride];
  } else {
    for (std::int64_t i = 0; i < count; ++i) dst[i * dst_stride] = src[i * src_stride];
  }
}

// dst[i * dst_stride + j] = src[i + j * src_stride] for rows i, columns j: a matrix transposed in blocks that stay in cache.
template <class T>
void transpose_tile(T* dst, std::int64_t dst_stride, const T* src, std::int64_t src_stride, std::int64_t rows,
                    std::int64_t columns) {
  constexpr std::int64_t kBlock = 16;
  for (std::int64_t j0 = 0; j0 < columns; j0 += kBlock) {
    const std::int64_t width = std::min(kBlock, columns - j0);
    for (std::int64_t i = 0; i < rows; ++i) {
      T* to = dst + i * dst_stride + j0;
      const T* from = src + i + j0 * src_stride;
      if (width == kBlock) {
        for (std::int64_t j = 0; j < kBlock; ++j) to[j] = from[j * src_stride];
      } else {
        for (std::int64_t j = 0; j < width; ++j) to[j] = from[j * src_stride];
      }
    }
  }
}

// The innermost loop is contiguous in dst and the loop `source_loop` is contiguous in src (NHWC to NCHW and back): both are
// walked together in tiles, so that neither side is read or written one element per cache line.
template <class T>
void copy_transposed(KernelContext& c, const LoopNest& nest, int source_loop, T* dst, const T* src) {
  constexpr std::int64_t kStrip = 64;
  const LoopNest::Loop inner = nest.row(), source = nest[source_loop];
  LoopNest others;
  for (int i = 0; i < nest.size() - 1; ++i) {
    if (i != source_loop) others.add(nest[i]);
  }
  const std::int64_t strips = ceil_divide(source.count, kStrip), work = std::min(kStrip, source.count) * inner.count;
  c.parallel_for(others.iterations() * strips, items_per_chunk(work, kCopyChunk),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t task = begin; task < end; ++task) {
                     const std::int64_t first = task % strips * kStrip;
                     const auto [to, from, none] = others.offsets(task / strips);
                     transpose_tile(dst + to + first * source.strides[0], source.strides[0], src + from + first,
                                    inner.strides[1], std::min(kStrip, source.count - first), inner.count);
                   }
                 });
}

}  // namespace

void strided_copy(KernelContext& c, const LoopNest& nest, void* dst, const void* src, std::size_t element_size) {
  if (nest.iterations() == 0) return;
  const LoopNest::Offsets strides = nest.row().strides;
  visit_bits(element_size, [&]<class T>(TypeTag<T>) {
    T* const to = static_cast<T*>(dst);
    const T* const from = static_cast<const T*>(src);
    if (strides[0] == 1 && strides[1] > 1) {
      for (int i = 0; i < nest.size() - 1; ++i) {
        if (nest[i].strides[1] == 1) return copy_transposed(c, nest, i, to, from);
      }
    }
    c.parallel_for(nest.iterations(), kCopyChunk, [&](std::int64_t begin, std::int64_t end) {
      nest.for_rows(begin, end, [&](const LoopNest::Offsets& at, std::int64_t, std::int64_t count) {
        copy_row(to + at[0], from + at[1], count, strides[0], strides[1]);
      });
    });
  });
}

void fill_elements(KernelContext& c, void* dst, std::int64_t count, const void* value, std::size_t element_size) {
  LoopNest nest;
  nest.add(count, {1, 0});
  strided_copy(c, nest, dst, value, element_size);
}

}  // namespace gradus::cpu
