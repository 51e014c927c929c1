// As the ops are defined: a search per result; a prediction counts as in the top k where fewer than k are larger.
#include "gradus/ops/argmax.h"

#include <cmath>

#include "gradus/backends/common/indices.h"
#include "gradus/backends/reference/elementwise.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::reference {
namespace {

// The first of the best elements; a NaN is better than any number. x is [outer, axis, inner].
template <class Better>
KernelFn argmax(Better) {
  return [](KernelContext& c) {
    const AxisExtents e = axis_extents(c.input(0).shape(), c.attrs<ArgMaxAttrs>().axis);
    visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      const auto x = [&, values = c.input(0).data<T>()](std::int64_t i, std::int64_t k) {
        return static_cast<Wide<T>>(values[(i / e.inner * e.axis + k) * e.inner + i % e.inner]);
      };
      for (std::int64_t i = 0; i < c.output(0).num_elements(); ++i) {
        std::int64_t best = 0;
        for (std::int64_t k = 1; k < e.axis; ++k) {
          const auto leader = x(i, best), candidate = x(i, k);
          const bool leader_is_nan = leader != leader;
          if (!leader_is_nan && (candidate != candidate || Better{}(candidate, leader))) best = k;
        }
        c.output(0).dtype() == DType::kInt32
            ? void(c.output(0).data<std::int32_t>()[i] = static_cast<std::int32_t>(best))
            : void(c.output(0).data<std::int64_t>()[i] = best);
      }
    });
  };
}

void in_top_k(KernelContext& c) {
  const std::int64_t classes = c.input(0).shape()[1];
  for (std::int64_t row = 0; row < c.output(0).num_elements(); ++row) {
    const std::int64_t target = common::index_value(c.input(1), row);
    bool in = target >= 0 && target < classes;
    std::int64_t larger = 0;
    for (std::int64_t k = 0; in && k < classes; ++k) {
      const double prediction = c.input(0).at(row * classes + k);
      in = std::isfinite(prediction);
      larger += prediction > c.input(0).at(row * classes + target) ? 1 : 0;
    }
    c.output(0).data<bool>()[row] = in && larger < c.attrs<InTopKAttrs>().k;
  }
}

}  // namespace

void register_argmax_kernels(KernelRegistry& kernels) {
  kernels.add("ArgMax", kDevice, kNumeric, argmax([](auto candidate, auto leader) { return candidate > leader; }));
  kernels.add("ArgMin", kDevice, kNumeric, argmax([](auto candidate, auto leader) { return candidate < leader; }));
  kernels.add("InTopK", kDevice, kFloating, in_top_k);
}

}  // namespace gradus::reference
