// Reverse by index.
#include "gradus/ops/reverse.h"

#include "gradus/backends/reference/index.h"
#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

// y[..., i, ...] = x[..., size - 1 - i, ...]
void reverse_kernel(KernelContext& c) {
  const Shape& x = c.input(0).shape();
  for_each_index(x, [&](Index index, std::int64_t i) {
    for (const std::int64_t axis : c.attrs<ReverseAttrs>().axes) {
      const int d = normalize_axis(axis, x.rank());
      index[static_cast<std::size_t>(d)] = x[d] - 1 - index[static_cast<std::size_t>(d)];
    }
    copy_element(c.output(0), i, c.input(0), position_of(index, x));
  });
}

}  // namespace

void register_reverse_kernels(KernelRegistry& kernels) { kernels.add("Reverse", kDevice, kAllDTypes, reverse_kernel); }

}  // namespace gradus::reference
