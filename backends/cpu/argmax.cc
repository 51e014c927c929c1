// A search per result along its line; a line ends at its first NaN, which wins.
#include "gradus/ops/argmax.h"

#include <cmath>

#include "gradus/backends/common/indices.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::cpu {
namespace {

// The first of the best elements, or of the NaNs. x is [outer, axis, inner].
template <class T, class Index, class Better>
void search(KernelContext& c, Better better) {
  const AxisExtents e = axis_extents(c.input(0).shape(), c.attrs<ArgMaxAttrs>().axis);
  const T* const x = c.input(0).data<T>();
  Index* const index = c.output(0).data<Index>();
  c.parallel_for(c.output(0).num_elements(), items_per_chunk(e.axis), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const T* const line = x + i / e.inner * e.axis * e.inner + i % e.inner;
      std::int64_t best = 0;
      auto leader = static_cast<Compute<T>>(line[0]);
      for (std::int64_t k = 1; k < e.axis && leader == leader; ++k) {
        const auto candidate = static_cast<Compute<T>>(line[k * e.inner]);
        if (better(candidate, leader) || candidate != candidate) {
          best = k;
          leader = candidate;
        }
      }
      index[i] = static_cast<Index>(best);
    }
  });
}

template <class Better>
KernelFn argmax(Better) {
  return [](KernelContext& c) {
    visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      c.output(0).dtype() == DType::kInt32 ? search<T, std::int32_t>(c, Better{})
                                           : search<T, std::int64_t>(c, Better{});
    });
  };
}

void in_top_k(KernelContext& c) {
  const std::int64_t classes = c.input(0).shape()[1];
  bool* const result = c.output(0).data<bool>();
  visit_floating(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
    const T* const predictions = c.input(0).data<T>();
    c.parallel_for(c.output(0).num_elements(), items_per_chunk(classes + 1), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t target = index_value(c.input(1), row);
        const T* const values = predictions + row * classes;
        bool in = target >= 0 && target < classes;
        std::int64_t larger = 0;
        for (std::int64_t k = 0; in && k < classes; ++k) {
          const auto value = static_cast<Compute<T>>(values[k]);
          in = std::isfinite(value);
          larger += value > static_cast<Compute<T>>(values[target]) ? 1 : 0;
        }
        result[row] = in && larger < c.attrs<InTopKAttrs>().k;
      }
    });
  });
}

}  // namespace

void register_argmax_kernels(KernelRegistry& kernels) {
  kernels.add("ArgMax", kDevice, kNumeric, argmax([](auto candidate, auto leader) { return candidate > leader; }));
  kernels.add("ArgMin", kDevice, kNumeric, argmax([](auto candidate, auto leader) { return candidate < leader; }));
  kernels.add("InTopK", kDevice, kFloating, in_top_k);
}

}  // namespace gradus::cpu
