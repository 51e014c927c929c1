// Elements by index. A thread of the gradient looks through all indices for its own element, in their order, so that nothing is added by
// atomics.
#include "gradus/ops/gather.h"

#include "gradus/backends/common/indices.h"
#include "gradus/backends/cuda/kernels.h"
#include "gradus/core/wrapping.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::cuda {
namespace {

// y[a, k, b] = params[a, indices[k], b]
template <class Bits, class Index>
__global__ void gather(Bits* y, const Bits* params, const Index* indices, AxisExtents e, std::int64_t count,
                       Finding* findings, unsigned mistake) {
  const std::int64_t n = e.outer * count * e.inner;
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    const std::int64_t b = i % e.inner, k = i / e.inner % count, a = i / e.inner / count;
    const std::int64_t index = indices[k];
    if (index < 0 || index >= e.axis) {
      report(findings, mistake, k, index);
      y[i] = sizeof(Bits) == 1 ? Bits{1} : static_cast<Bits>(~Bits{0});  // NaN, -1, true: not what lay in memory
    } else {
      y[i] = params[(a * e.axis + index) * e.inner + b];
    }
  }
}

// dparams[a, index, b] = the sum of dy[a, k, b] over the k with indices[k] == index
template <class T, class Index>
__global__ void gather_grad(T* dparams, const T* dy, const Index* indices, AxisExtents e, std::int64_t count,
                            Finding* findings, unsigned mistake) {
  const std::int64_t n = e.outer * e.axis * e.inner;
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    const std::int64_t b = i % e.inner, own = i / e.inner % e.axis, a = i / e.inner / e.axis;
    Compute<T> sum{};
    for (std::int64_t k = 0; k < count; ++k) {
      const std::int64_t index = indices[k];
      if (index < 0 || index >= e.axis) report(findings, mistake, k, index);
      if (index != own) continue;
      sum =
          static_cast<Compute<T>>(wrapping(sum) + wrapping(static_cast<Compute<T>>(dy[(a * count + k) * e.inner + b])));
    }
    dparams[i] = static_cast<T>(sum);
  }
}

// y[a, d, b] = on where indices[a, b] = d
template <class T, class Index>
__global__ void one_hot(T* y, const Index* indices, T on, T off, AxisExtents e) {
  const std::int64_t n = e.outer * e.axis * e.inner;
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    const std::int64_t b = i % e.inner, d = i / e.inner % e.axis, a = i / e.inner / e.axis;
    y[i] = static_cast<std::int64_t>(indices[a * e.inner + b]) == d ? on : off;
  }
}

// Calls f(TypeTag<Index>{}) with the type of the indices.
template <class F>
void visit_index(const Tensor& indices, F&& f) {
  if (indices.dtype() == DType::kInt32) return f(TypeTag<std::int32_t>{});
  if (indices.dtype() == DType::kInt64) return f(TypeTag<std::int64_t>{});
  f(TypeTag<std::uint8_t>{});
}

void prepare_gather(KernelContext& c, const Shape& params) {
  const std::int64_t size = axis_extents(params, c.attrs<GatherAttrs>().axis).axis;
  c.keep(add_mistake(c, Code::kOutOfRange, [shape = c.input(1).shape(), size](std::int64_t k, std::int64_t index) {
    return common::index_text(shape, k, index, size);
  }));
}
void prepare_gather_from(KernelContext& c) { prepare_gather(c, c.input(0).shape()); }
void prepare_gather_grad(KernelContext& c) { prepare_gather(c, c.output(0).shape()); }

void gather_kernel(KernelContext& c) {
  const AxisExtents e = axis_extents(c.input(0).shape(), c.attrs<GatherAttrs>().axis);
  const std::int64_t count = c.input(1).num_elements(), n = c.output(0).num_elements();
  visit_bits(dtype_size(c.output(0).dtype()), [&]<class Bits>(TypeTag<Bits>) {
    visit_index(c.input(1), [&]<class Index>(TypeTag<Index>) {
      run_over<gather<Bits, Index>>(c, n, static_cast<Bits*>(c.output(0).raw()),
                                    static_cast<const Bits*>(c.input(0).raw()), c.input(1).data<Index>(), e, count,
                                    device_of(c).findings(), c.kept<unsigned>());
    });
  });
}

void gather_grad_kernel(KernelContext& c) {
  const AxisExtents e = axis_extents(c.output(0).shape(), c.attrs<GatherAttrs>().axis);
  const std::int64_t count = c.input(1).num_elements(), n = c.output(0).num_elements();
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (!std::is_same_v<T, bool>) {
      visit_index(c.input(1), [&]<class Index>(TypeTag<Index>) {
        run_over<gather_grad<T, Index>>(c, n, c.output(0).data<T>(), c.input(0).data<T>(), c.input(1).data<Index>(), e,
                                        count, device_of(c).findings(), c.kept<unsigned>());
      });
    }
  });
}

void one_hot_kernel(KernelContext& c) {
  const auto& attrs = c.attrs<OneHotAttrs>();
  const AxisExtents e = axis_extents(c.output(0).shape(), attrs.axis);
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    const T on = *attrs.on_value.as<T>(), off = *attrs.off_value.as<T>();
    visit_index(c.input(0), [&]<class Index>(TypeTag<Index>) {
      run_over<one_hot<T, Index>>(c, c.output(0).num_elements(), c.output(0).data<T>(), c.input(0).data<Index>(), on,
                                  off, e);
    });
  });
}

}  // namespace

void register_gather_kernels(KernelRegistry& kernels) {
  kernels.add("Gather", kDevice, kAllDTypes, gather_kernel, prepare_gather_from);
  kernels.add("GatherGrad", kDevice, kNumeric, gather_grad_kernel, prepare_gather_grad);
  kernels.add("OneHot", kDevice, kAllDTypes, one_hot_kernel);
}

}  // namespace gradus::cuda
