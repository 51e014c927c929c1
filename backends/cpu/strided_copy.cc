#include "gradus/backends/cpu/strided_copy.h"

#include <algorithm>
#include <cstring>

namespace gradus::cpu {
namespace {

// Calls f(pointer to T, pointer to const T) with the unsigned type of that size.
template <class F>
void with_bits(void* dst, const void* src, std::size_t element_size, F&& f) {
  switch (element_size) {
    case 1: return f(static_cast<std::uint8_t*>(dst), static_cast<const std::uint8_t*>(src));
    case 2: return f(static_cast<std::uint16_t*>(dst), static_cast<const std::uint16_t*>(src));
    case 4: return f(static_cast<std::uint32_t*>(dst), static_cast<const std::uint32_t*>(src));
    default: return f(static_cast<std::uint64_t*>(dst), static_cast<const std::uint64_t*>(src));
  }
}

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

}  // namespace

void StridedCopy::loop(std::int64_t count, std::int64_t dst_stride, std::int64_t src_stride) {
  loops_[static_cast<std::size_t>(count_++)] = {count, dst_stride, src_stride};
}

// Drops loops of one iteration and joins neighbours that together walk evenly through both sides.
void StridedCopy::merge_loops() {
  int kept = 0;
  for (int i = 0; i < count_; ++i) {
    const Loop next = loops_[static_cast<std::size_t>(i)];
    if (next.count == 1) continue;
    if (kept > 0) {
      Loop& last = loops_[static_cast<std::size_t>(kept - 1)];
      if (last.dst_stride == next.count * next.dst_stride && last.src_stride == next.count * next.src_stride) {
        last = {last.count * next.count, next.dst_stride, next.src_stride};
        continue;
      }
    }
    loops_[static_cast<std::size_t>(kept++)] = next;
  }
  count_ = kept;
  if (count_ == 0) loop(1, 1, 1);
}

void StridedCopy::run(KernelContext& c, void* dst, const void* src, std::size_t element_size) {
  for (int i = 0; i < count_; ++i) {
    if (loops_[static_cast<std::size_t>(i)].count == 0) return;
  }
  merge_loops();
  with_bits(dst, src, element_size, [&](auto* to, const auto* from) { run_typed(c, to, from); });
}

template <class T>
void StridedCopy::run_typed(KernelContext& c, T* dst, const T* src) {
  const Loop inner = loops_[static_cast<std::size_t>(count_ - 1)];
  if (count_ == 1) {
    c.parallel_for(inner.count, kCopyChunk, [&](std::int64_t begin, std::int64_t end) {
      copy_row(dst + begin * inner.dst_stride, src + begin * inner.src_stride, end - begin, inner.dst_stride,
               inner.src_stride);
    });
    return;
  }
  if (inner.dst_stride == 1 && inner.src_stride > 1) {
    for (int k = 0; k < count_ - 1; ++k) {
      if (loops_[static_cast<std::size_t>(k)].src_stride == 1) return run_transposed(c, dst, src, k);
    }
  }
  std::int64_t rows = 1;
  for (int i = 0; i < count_ - 1; ++i) rows *= loops_[static_cast<std::size_t>(i)].count;
  c.parallel_for(rows, std::max<std::int64_t>(1, kCopyChunk / inner.count), [&](std::int64_t begin, std::int64_t end) {
    std::array<std::int64_t, kMaxLoops> index{};
    std::int64_t to = 0, from = 0, rest = begin;
    for (int i = count_ - 2; i >= 0; --i) {
      const Loop& l = loops_[static_cast<std::size_t>(i)];
      index[static_cast<std::size_t>(i)] = rest % l.count;
      to += rest % l.count * l.dst_stride;
      from += rest % l.count * l.src_stride;
      rest /= l.count;
    }
    for (std::int64_t row = begin; row < end; ++row) {
      copy_row(dst + to, src + from, inner.count, inner.dst_stride, inner.src_stride);
      for (int i = count_ - 2; i >= 0; --i) {
        const Loop& l = loops_[static_cast<std::size_t>(i)];
        to += l.dst_stride;
        from += l.src_stride;
        if (++index[static_cast<std::size_t>(i)] < l.count) break;
        to -= l.count * l.dst_stride;
        from -= l.count * l.src_stride;
        index[static_cast<std::size_t>(i)] = 0;
      }
    }
  });
}

// The innermost loop is contiguous in dst and the loop `source_loop` is contiguous in src (NHWC to NCHW and back): both are
// walked together in tiles, so that neither side is read or written one element per cache line.
template <class T>
void StridedCopy::run_transposed(KernelContext& c, T* dst, const T* src, int source_loop) {
  constexpr std::int64_t kStrip = 64;
  const Loop inner = loops_[static_cast<std::size_t>(count_ - 1)];
  const Loop source = loops_[static_cast<std::size_t>(source_loop)];
  const std::int64_t strips = (source.count + kStrip - 1) / kStrip;
  std::int64_t tasks = strips;
  for (int i = 0; i < count_ - 1; ++i) {
    if (i != source_loop) tasks *= loops_[static_cast<std::size_t>(i)].count;
  }
  const std::int64_t work = std::min(kStrip, source.count) * inner.count;
  c.parallel_for(tasks, std::max<std::int64_t>(1, kCopyChunk / work), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t first = task % strips * kStrip;
      std::int64_t to = first * source.dst_stride, from = first, rest = task / strips;
      for (int i = count_ - 2; i >= 0; --i) {
        if (i == source_loop) continue;
        const Loop& l = loops_[static_cast<std::size_t>(i)];
        to += rest % l.count * l.dst_stride;
        from += rest % l.count * l.src_stride;
        rest /= l.count;
      }
      transpose_tile(dst + to, source.dst_stride, src + from, inner.src_stride, std::min(kStrip, source.count - first),
                     inner.count);
    }
  });
}

std::array<std::int64_t, Shape::kMaxRank> row_major_strides(const Shape& shape) {
  std::array<std::int64_t, Shape::kMaxRank> strides{};
  std::int64_t stride = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    strides[static_cast<std::size_t>(d)] = stride;
    stride *= shape[d];
  }
  return strides;
}

void fill_elements(KernelContext& c, void* dst, std::int64_t count, const void* value, std::size_t element_size) {
  StridedCopy fill;
  fill.loop(count, 1, 0);
  fill.run(c, dst, value, element_size);
}

void zero_bytes(KernelContext& c, void* dst, std::size_t bytes) {
  const std::uint8_t zero = 0;
  fill_elements(c, dst, static_cast<std::int64_t>(bytes), &zero, 1);
}

}  // namespace gradus::cpu
