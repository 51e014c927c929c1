#include "gradus/ops/indexing.h"

#include "gradus/backends/reference/elementwise.h"
#include "gradus/backends/reference/index.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/ops/gather_geometry.h"

namespace gradus::reference {
namespace {

// y[a, k, b] = params[a, indices[k], b]
void gather(KernelContext& c) {
  const GatherGeometry g = gather_geometry(c.input(0).shape(), c.input(1), c.attrs<GatherAttrs>().axis);
  for (std::int64_t a = 0; a < g.outer; ++a) {
    for (std::int64_t k = 0; k < g.count; ++k) {
      const std::int64_t index = checked_index(c, c.input(1), k, g.dim);
      for (std::int64_t b = 0; b < g.inner; ++b) {
        copy_element(c.output(0), (a * g.count + k) * g.inner + b, c.input(0), (a * g.dim + index) * g.inner + b);
      }
    }
  }
}

// dparams[a, indices[k], b] = the sum of dy[a, k, b]
void gather_grad(KernelContext& c) {
  Tensor& out = c.output(0);
  const GatherGeometry g = gather_geometry(out.shape(), c.input(1), c.attrs<GatherAttrs>().axis);
  visit_dtype(out.dtype(), [&]<class T>(TypeTag<T>) {
    std::vector<Wide<T>> sums(static_cast<std::size_t>(out.num_elements()));
    for (std::int64_t a = 0; a < g.outer; ++a) {
      for (std::int64_t k = 0; k < g.count; ++k) {
        const std::int64_t index = checked_index(c, c.input(1), k, g.dim);
        for (std::int64_t b = 0; b < g.inner; ++b) {
          Wide<T>& sum = sums[static_cast<std::size_t>((a * g.dim + index) * g.inner + b)];
          const auto term = static_cast<Wide<T>>(c.input(0).data<T>()[(a * g.count + k) * g.inner + b]);
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
  const Shape& y = c.output(0).shape();
  const int axis = normalize_axis(attrs.axis, y.rank());
  std::int64_t inner = 1;
  for (int d = axis + 1; d < y.rank(); ++d) inner *= y[d];
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    for_each_index(y, [&](const Index& index, std::int64_t i) {
      const std::int64_t a = i / (inner * attrs.depth), b = i % inner;
      const bool on = index_value(c.input(0), a * inner + b) == index[static_cast<std::size_t>(axis)];
      c.output(0).data<T>()[i] = *(on ? attrs.on_value : attrs.off_value).as<T>();
    });
  });
}

}  // namespace

void register_indexing_kernels(KernelRegistry& kernels) {
  kernels.add("Gather", kDevice, kAllDTypes, gather);
  kernels.add("GatherGrad", kDevice, kNumeric, gather_grad);
  kernels.add("OneHot", kDevice, kAllDTypes, one_hot);
}

}  // namespace gradus::reference
