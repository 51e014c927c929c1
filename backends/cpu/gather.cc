// Indices are looked through before anything is written, then rows are copied, or added up in the order of the indices.
#include "gradus/ops/gather.h"

#include <algorithm>
#include <cstring>

#include "gradus/backends/common/indices.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"
#include "gradus/core/wrapping.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::cpu {
namespace {

// Before anything is written, and in order, so that the error names the first bad index for any number of threads.
void check_indices(KernelContext& c, const Tensor& indices, std::int64_t dim) {
  for (std::int64_t k = 0; k < indices.num_elements(); ++k) checked_index(c, indices, k, dim);
}

template <class T>
void gather_rows(KernelContext& c, const AxisExtents& e) {
  const T* from = static_cast<const T*>(c.input(0).raw());
  T* to = static_cast<T*>(c.output(0).raw());
  const Tensor& indices = c.input(1);
  const std::int64_t n = indices.num_elements();
  c.parallel_for(e.outer * n, items_per_chunk(e.inner, kCopyChunk), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* source = from + (row / n * e.axis + index_value(indices, row % n)) * e.inner;
      T* target = to + row * e.inner;
      if (e.inner >= 16)
        std::memcpy(target, source, static_cast<std::size_t>(e.inner) * sizeof(T));
      else
        for (std::int64_t b = 0; b < e.inner; ++b) target[b] = source[b];
    }
  });
}

void gather(KernelContext& c) {
  const AxisExtents e = axis_extents(c.input(0).shape(), c.attrs<GatherAttrs>().axis);
  check_indices(c, c.input(1), e.axis);
  visit_bits(dtype_size(c.output(0).dtype()), [&]<class Bits>(TypeTag<Bits>) { gather_rows<Bits>(c, e); });
}

// Adds dy[a, k, b] to sums[a, indices[k], b]. Each task owns an outer index and a block of columns b, and goes through the
// indices in order, so that repeated indices neither race nor change the order of the sum.
template <class T, class S>
void add_rows(KernelContext& c, const AxisExtents& e, const T* dy, S* sums) {
  constexpr std::int64_t kColumns = 256;
  const Tensor& indices = c.input(1);
  const std::int64_t n = indices.num_elements(), blocks = ceil_divide(e.inner, kColumns);
  const std::int64_t work = std::min(e.inner, kColumns) * std::max(n, e.axis);
  c.parallel_for(e.outer * blocks, items_per_chunk(work, kCopyChunk), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t a = task / blocks, first = task % blocks * kColumns;
      const std::int64_t width = std::min(kColumns, e.inner - first);
      for (std::int64_t d = 0; d < e.axis; ++d) std::fill_n(sums + (a * e.axis + d) * e.inner + first, width, S{});
      for (std::int64_t k = 0; k < n; ++k) {
        S* target = sums + (a * e.axis + index_value(indices, k)) * e.inner + first;
        const T* source = dy + (a * n + k) * e.inner + first;
        for (std::int64_t b = 0; b < width; ++b)
          target[b] = static_cast<S>(wrapping(target[b]) + wrapping(static_cast<S>(source[b])));
      }
    }
  });
}

void gather_grad(KernelContext& c) {
  Tensor& out = c.output(0);
  const AxisExtents e = axis_extents(out.shape(), c.attrs<GatherAttrs>().axis);
  check_indices(c, c.input(1), e.axis);
  visit_dtype(out.dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (is_half_type<T>) {
      float* sums = c.scratch<float>();
      add_rows(c, e, c.input(0).data<T>(), sums);
      c.parallel_for(out.num_elements(), kCopyChunk, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out.data<T>()[i] = static_cast<T>(sums[i]);
      });
    } else {
      add_rows(c, e, c.input(0).data<T>(), out.data<T>());
    }
  });
}

// Gradients of 16 bits are summed in float32.
void prepare_gather_grad(KernelContext& c) {
  if (is_half(c.output(0).dtype()))
    c.request_scratch(static_cast<std::size_t>(c.output(0).num_elements()) * sizeof(float));
}

void one_hot(KernelContext& c) {
  const auto& attrs = c.attrs<OneHotAttrs>();
  const Tensor& indices = c.input(0);
  Tensor& y = c.output(0);
  const std::int64_t inner = axis_extents(y.shape(), attrs.axis).inner;
  visit_dtype(y.dtype(), [&]<class T>(TypeTag<T>) {
    const T on = *attrs.on_value.as<T>(), off = *attrs.off_value.as<T>();
    fill_elements(c, y.raw(), y.num_elements(), &off, sizeof(T));
    for (std::int64_t k = 0; k < indices.num_elements(); ++k) {
      const std::int64_t index = index_value(indices, k);
      if (index >= 0 && index < attrs.depth) y.data<T>()[(k / inner * attrs.depth + index) * inner + k % inner] = on;
    }
  });
}

}  // namespace

void register_gather_kernels(KernelRegistry& kernels) {
  kernels.add("Gather", kDevice, kAllDTypes, gather);
  kernels.add("GatherGrad", kDevice, kNumeric, gather_grad, prepare_gather_grad);
  kernels.add("OneHot", kDevice, kAllDTypes, one_hot);
}

}  // namespace gradus::cpu
