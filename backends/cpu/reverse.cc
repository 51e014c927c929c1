// Reverse is a strided copy with negative strides.
#include "gradus/ops/reverse.h"

#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"

namespace gradus::cpu {
namespace {

// A copy that starts at the last element of each reversed dimension and has a negative stride there.
void reverse_kernel(KernelContext& c) {
  const Tensor& x = c.input(0);
  const Shape& shape = x.shape();
  if (x.num_elements() == 0) return;
  const auto to = row_major_strides(shape);
  auto from = to;
  std::int64_t first = 0;
  for (const std::int64_t axis : c.attrs<ReverseAttrs>().axes) {
    const int d = normalize_axis(axis, shape.rank());
    first += (shape[d] - 1) * from[d];
    from[d] = -from[d];
  }
  LoopNest nest;
  for (int d = 0; d < shape.rank(); ++d) nest.add(shape[d], {to[d], from[d]});
  const std::size_t size = dtype_size(x.dtype());
  strided_copy(c, nest, c.output(0).raw(), static_cast<const char*>(x.raw()) + first * static_cast<std::int64_t>(size),
               size);
}

}  // namespace

void register_reverse_kernels(KernelRegistry& kernels) { kernels.add("Reverse", kDevice, kAllDTypes, reverse_kernel); }

}  // namespace gradus::cpu
