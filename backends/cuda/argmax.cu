// A thread per result, which searches along its line; a line ends at its first NaN, which wins.
#include "gradus/ops/argmax.h"

#include <cmath>

#include "gradus/backends/cuda/kernels.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::cuda {
namespace {

// x is [outer, axis, inner].
template <bool largest, class T, class Index>
__global__ void search(Index* index, const T* x, AxisExtents e) {
  const std::int64_t n = e.outer * e.inner;
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    const T* const line = x + i / e.inner * e.axis * e.inner + i % e.inner;
    std::int64_t best = 0;
    auto leader = static_cast<Compute<T>>(line[0]);
    for (std::int64_t k = 1; k < e.axis && leader == leader; ++k) {
      const auto candidate = static_cast<Compute<T>>(line[k * e.inner]);
      if ((largest ? candidate > leader : candidate < leader) || candidate != candidate) best = k, leader = candidate;
    }
    index[i] = static_cast<Index>(best);
  }
}

template <bool largest>
void search_kernel(KernelContext& c) {
  const AxisExtents e = axis_extents(c.input(0).shape(), c.attrs<ArgMaxAttrs>().axis);
  const std::int64_t n = c.output(0).num_elements();
  visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
    if (c.output(0).dtype() == DType::kInt32) {
      run_over<search<largest, T, std::int32_t>>(c, n, c.output(0).data<std::int32_t>(), c.input(0).data<T>(), e);
    } else {
      run_over<search<largest, T, std::int64_t>>(c, n, c.output(0).data<std::int64_t>(), c.input(0).data<T>(), e);
    }
  });
}

// Whether fewer than k predictions are larger than the target's, all of them finite.
template <class T, class Index>
__global__ void in_top_k(bool* result, const T* predictions, const Index* targets, std::int64_t rows,
                         std::int64_t classes, std::int64_t k) {
  for (std::int64_t row = first_item(); row < rows; row += item_stride()) {
    const std::int64_t target = targets[row];
    const T* const values = predictions + row * classes;
    bool in = target >= 0 && target < classes;
    std::int64_t larger = 0;
    for (std::int64_t i = 0; in && i < classes; ++i) {
      const auto value = static_cast<Compute<T>>(values[i]);
      in = value - value == 0;  // finite
      larger += value > static_cast<Compute<T>>(values[target]) ? 1 : 0;
    }
    result[row] = in && larger < k;
  }
}

template <class Index>
void in_top_k_of(KernelContext& c) {
  const std::int64_t rows = c.output(0).num_elements(), classes = c.input(0).shape()[1];
  visit_floating(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
    run_over<in_top_k<T, Index>>(c, rows, c.output(0).data<bool>(), c.input(0).data<T>(), c.input(1).data<Index>(),
                                 rows, classes, c.attrs<InTopKAttrs>().k);
  });
}
void in_top_k_kernel(KernelContext& c) {
  c.input(1).dtype() == DType::kInt32 ? in_top_k_of<std::int32_t>(c) : in_top_k_of<std::int64_t>(c);
}

}  // namespace

void register_argmax_kernels(KernelRegistry& kernels) {
  kernels.add("ArgMax", kDevice, kNumeric, search_kernel<true>);
  kernels.add("ArgMin", kDevice, kNumeric, search_kernel<false>);
  kernels.add("InTopK", kDevice, kFloating, in_top_k_kernel);
}

}  // namespace gradus::cuda
