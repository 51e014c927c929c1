// Tensors of one value, broadcasting and ranges: copies by loop nests (strided_copy.h). Ranges are computed element by element, so that
// none depends on the one before.
#include "gradus/backends/common/host_operands.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"
#include "gradus/core/wrapping.h"

namespace gradus::cpu {
namespace {

void zeros_like(KernelContext& c) { zero_bytes(c, c.output(0).raw(), c.output(0).bytes()); }

void ones_like(KernelContext& c) {
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    const T one = static_cast<T>(1.0f);
    fill_elements(c, c.output(0).raw(), c.output(0).num_elements(), &one, sizeof(T));
  });
}

void fill_kernel(KernelContext& c) {
  fill_elements(c, c.output(0).raw(), c.output(0).num_elements(), c.input(1).raw(), dtype_size(c.output(0).dtype()));
}

void broadcast_to(KernelContext& c) {
  const Shape& y = c.output(0).shape();
  const auto to = row_major_strides(y), from = broadcast_strides(c.input(0).shape(), y);
  LoopNest nest;
  for (int d = 0; d < y.rank(); ++d) nest.add(y[d], {to[d], from[d]});
  strided_copy(c, nest, c.output(0).raw(), c.input(0).raw(), dtype_size(c.output(0).dtype()));
}

template <class T>
void range_of(KernelContext& c) {
  const auto [start, delta] = c.kept<common::Range>();
  T* y = c.output(0).data<T>();
  // i * delta may leave 64 bits where the sum does not: range(INT64_MIN, INT64_MAX, 2^62).
  for (std::int64_t i = 0; i < c.output(0).num_elements(); ++i)
    y[i] = static_cast<T>(wrapping(start) + wrapping(i) * wrapping(delta));
}
void range_kernel(KernelContext& c) {
  c.output(0).dtype() == DType::kInt32 ? range_of<std::int32_t>(c) : range_of<std::int64_t>(c);
}

}  // namespace

void register_fill_kernels(KernelRegistry& kernels) {
  kernels.add("ZerosLike", kDevice, kAllDTypes, zeros_like);
  kernels.add("OnesLike", kDevice, kAllDTypes, ones_like);
  kernels.add("Fill", kDevice, kAllDTypes, fill_kernel);
  kernels.add("BroadcastTo", kDevice, kAllDTypes, broadcast_to);
  kernels.add("Range", kDevice, {DType::kInt32, DType::kInt64}, range_kernel, common::prepare_range);
}

}  // namespace gradus::cpu
