// Each prepare function finds the window or range in host memory, once per plan where the values are known then, and before each
// run where they are not.
#include "gradus/backends/common/host_operands.h"

#include "gradus/ops/slice_geometry.h"

namespace gradus::common {

void prepare_slice(KernelContext& c) {
  if (c.knows_host_values()) c.keep(slice_window(c.input(0).shape(), c.host_values(1), c.output(0).shape().dims()));
}
void prepare_slice_grad(KernelContext& c) {
  if (c.knows_host_values()) c.keep(slice_window(c.output(0).shape(), c.host_values(1), c.input(0).shape().dims()));
}
void prepare_strided_slice(KernelContext& c) {
  if (!c.knows_host_values()) return;
  c.keep(strided_slice_window(c.input(0).shape(), c.host_values(1), c.host_values(2), c.host_values(3),
                              c.attrs<StridedSliceAttrs>()));
}
void prepare_strided_slice_grad(KernelContext& c) {
  if (!c.knows_host_values()) return;
  c.keep(strided_slice_window(c.output(0).shape(), c.host_values(2), c.host_values(3), c.host_values(4),
                              c.attrs<StridedSliceAttrs>()));
}

void prepare_range(KernelContext& c) {
  if (c.knows_host_values()) c.keep(Range{c.host_values(0)[0], c.host_values(2)[0]});
}

}  // namespace gradus::common
