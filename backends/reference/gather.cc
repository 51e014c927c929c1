// Gather, its gradient and one_hot by their formulas, index by index.
#include "gradus/ops/gather.h"

#include "gradus/backends/common/indices.h"
#include "gradus/backends/reference/elementwise.h"
#include "gradus/backends/reference/index.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::reference {
namespace {

// y[a, k, b] = params[a, indices[k], b]
void gather(KernelContext& c) {
  const AxisExtents e = axis_extents(c.input(0).shape(), c.attrs<GatherAttrs>().axis);
  const Tensor& indices = c.input(1);
  const std::int64_t count = indices.num_elements();
  for (std::int64_t a = 0; a < e.outer; ++a) {
    for (std::int64_t k = 0; k < count; ++k) {
      const std::int64_t index = common::checked_index(c, indices, k, e.axis);
      for (std::int64_t b = 0; b < e.inner; ++b) {
        copy_element(c.output(0), (a * count + k) * e.inner + b, c.input(0), (a * e.axis + index) * e.inner + b);
      }
    }
  }
}

// dparams[a, indices[k], b] = the sum of dy[a, k, b]
void gather_grad(KernelContext& c) {
  Tensor& out = c.output(0);
  const AxisExtents e = axis_extents(out.shape(), c.attrs<GatherAttrs>().axis);
  const Tensor& indices = c.input(1);
  const std::int64_t count = indices.num_elements();
  visit_dtype(out.dtype(), [&]<class T>(TypeTag<T>) {
    std::vector<Wide<T>> sums(static_cast<std::size_t>(out.num_elements()));
    for (std::int64_t a = 0; a < e.outer; ++a) {
      for (std::int64_t k = 0; k < count; ++k) {
        const std::int64_t index = common::checked_index(c, indices, k, e.axis);
        for (std::int64_t b = 0; b < e.inner; ++b) {
          Wide<T>& sum = sums[static_cast<std::size_t>((a * e.axis + index) * e.inner + b)];
          const auto term = static_cast<Wide<T>>(c.input(0).data<T>()[(a * count + k) * e.inner + b]);
          sum = static_cast<Wide<T>>(wrapping(sum) + wrapping(term));
        }
      }
    }
    for (std::int64_t i = 0; i < out.num_elements(); ++i)
      out.data<T>()[i] = static_cast<T>(sums[static_cast<std::size_t>(i)]);
  });
}

// y[a, d, b] = on_value where indices[a, b] = d
void one_hot(KernelContext& c) {
  const auto& attrs = c.attrs<OneHotAttrs>();
  const auto [outer, depth, inner] = axis_extents(c.output(0).shape(), attrs.axis);
  for (std::int64_t a = 0, i = 0; a < outer; ++a) {
    for (std::int64_t d = 0; d < depth; ++d) {
      for (std::int64_t b = 0; b < inner; ++b, ++i) {
        const bool on = common::index_value(c.input(0), a * inner + b) == d;
        visit_dtype(c.output(0).dtype(), [&, k = i]<class T>(TypeTag<T>) {
          c.output(0).data<T>()[k] = *(on ? attrs.on_value : attrs.off_value).as<T>();
        });
      }
    }
  }
}

}  // namespace

void register_gather_kernels(KernelRegistry& kernels) {
  kernels.add("Gather", kDevice, kAllDTypes, gather);
  kernels.add("GatherGrad", kDevice, kNumeric, gather_grad);
  kernels.add("OneHot", kDevice, kAllDTypes, one_hot);
}

}  // namespace gradus::reference
