#include "gradus/ops/indexing.h"

#include <algorithm>
#include <cstring>

#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"
#include "gradus/core/wrapping.h"
#include "gradus/ops/gather_geometry.h"

namespace gradus::cpu {
namespace {

// Before anything is written, and in order, so that the error names the first bad index for any number of threads.
void check_indices(KernelContext& c, const Tensor& indices, std::int64_t dim) {
  for (std::int64_t k = 0; k < indices.num_elements(); ++k) checked_index(c, indices, k, dim);
}

template <class T>
void gather_rows(KernelContext& c, const GatherGeometry& g) {
  const T* from = static_cast<const T*>(c.input(0).raw());
  T* to = static_cast<T*>(c.output(0).raw());
  const Tensor& indices = c.input(1);
  const std::int64_t chunk = std::max<std::int64_t>(1, kCopyChunk / std::max<std::int64_t>(1, g.inner));
  c.parallel_for(g.outer * g.count, chunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* source = from + (row / g.count * g.dim + index_value(indices, row % g.count)) * g.inner;
      T* target = to + row * g.inner;
      if (g.inner >= 16)
        std::memcpy(target, source, static_cast<std::size_t>(g.inner) * sizeof(T));
      else
        for (std::int64_t b = 0; b < g.inner; ++b) target[b] = source[b];
    }
  });
}

void gather(KernelContext& c) {
  const GatherGeometry g = gather_geometry(c.input(0).shape(), c.input(1), c.attrs<GatherAttrs>().axis);
  check_indices(c, c.input(1), g.dim);
  switch (dtype_size(c.output(0).dtype())) {
    case 1: return gather_rows<std::uint8_t>(c, g);
    case 2: return gather_rows<std::uint16_t>(c, g);
    case 4: return gather_rows<std::uint32_t>(c, g);
    default: return gather_rows<std::uint64_t>(c, g);
  }
}

// Adds dy[a, k, b] to sums[a, indices[k], b]. Each task owns an outer index and a block of columns b, and goes through the
// indices in order, so that repeated indices neither race nor change the order of the sum.
template <class T, class S>
void add_rows(KernelContext& c, const GatherGeometry& g, const T* dy, S* sums) {
  constexpr std::int64_t kColumns = 256;
  const Tensor& indices = c.input(1);
  const std::int64_t blocks = (g.inner + kColumns - 1) / kColumns;
  const std::int64_t work = std::max<std::int64_t>(1, std::min(g.inner, kColumns) * std::max(g.count, g.dim));
  c.parallel_for(g.outer * blocks, std::max<std::int64_t>(1, kCopyChunk / work),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t task = begin; task < end; ++task) {
                     const std::int64_t a = task / blocks, first = task % blocks * kColumns;
                     const std::int64_t width = std::min(kColumns, g.inner - first);
                     for (std::int64_t d = 0; d < g.dim; ++d)
                       std::fill_n(sums + (a * g.dim + d) * g.inner + first, width, S{});
                     for (std::int64_t k = 0; k < g.count; ++k) {
                       S* target = sums + (a * g.dim + index_value(indices, k)) * g.inner + first;
                       const T* source = dy + (a * g.count + k) * g.inner + first;
                       for (std::int64_t b = 0; b < width; ++b)
                         target[b] = static_cast<S>(wrapping(target[b]) + wrapping(static_cast<S>(source[b])));
                     }
                   }
                 });
}

void gather_grad(KernelContext& c) {
  Tensor& out = c.output(0);
  const GatherGeometry g = gather_geometry(out.shape(), c.input(1), c.attrs<GatherAttrs>().axis);
  check_indices(c, c.input(1), g.dim);
  visit_dtype(out.dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (std::is_same_v<T, Float16>) {
      float* sums = c.scratch<float>();
      add_rows(c, g, c.input(0).data<T>(), sums);
      c.parallel_for(out.num_elements(), kCopyChunk, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out.data<T>()[i] = static_cast<T>(sums[i]);
      });
    } else {
      add_rows(c, g, c.input(0).data<T>(), out.data<T>());
    }
  });
}

// float16 gradients are summed in float32.
void prepare_gather_grad(KernelContext& c) {
  if (c.output(0).dtype() == DType::kFloat16)
    c.request_scratch(static_cast<std::size_t>(c.output(0).num_elements()) * sizeof(float));
}

void one_hot(KernelContext& c) {
  const auto& attrs = c.attrs<OneHotAttrs>();
  const Tensor& indices = c.input(0);
  Tensor& y = c.output(0);
  std::int64_t inner = 1;
  for (int d = normalize_axis(attrs.axis, y.shape().rank()) + 1; d < y.shape().rank(); ++d) inner *= y.shape()[d];
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

void register_indexing_kernels(KernelRegistry& kernels) {
  kernels.add("Gather", kDevice, kAllDTypes, gather);
  kernels.add("GatherGrad", kDevice, kNumeric, gather_grad, prepare_gather_grad);
  kernels.add("OneHot", kDevice, kAllDTypes, one_hot);
}

}  // namespace gradus::cpu
