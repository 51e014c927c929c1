// Tensors of one value, broadcasting and ranges. Ranges are computed element by element, so that none depends on the one before.
#include "gradus/backends/common/host_operands.h"
#include "gradus/backends/common/moves.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"
#include "gradus/core/wrapping.h"

namespace gradus::cpu {
namespace {

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
  register_fill_moves<Mover>(kernels, kDevice);
  kernels.add("Range", kDevice, {DType::kInt32, DType::kInt64}, range_kernel, common::prepare_range);
}

}  // namespace gradus::cpu
