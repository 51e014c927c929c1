// A window is a loop nest over strides: taken by the ops, put back into zeros by their gradients.
#include "gradus/ops/slice.h"

#include "gradus/backends/common/host_operands.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"

namespace gradus::cpu {
namespace {

// A window as loops: over its elements as they lie packed, and as they lie in a tensor of shape x, from element *first on.
LoopNest window_loops(const SliceWindow& window, const Shape& x, bool packed_first, std::int64_t* first) {
  Shape sizes;
  for (int d = 0; d < window.rank; ++d) sizes.push_back(window.size[at(d)]);
  const auto packed = row_major_strides(sizes), strides = row_major_strides(x);
  LoopNest nest;
  *first = 0;
  for (int d = 0; d < window.rank; ++d) {
    *first += window.begin[at(d)] * strides[d];
    const std::int64_t in_x = window.step[at(d)] * strides[d];
    nest.add(sizes[d], packed_first ? LoopNest::Offsets{packed[d], in_x} : LoopNest::Offsets{in_x, packed[d]});
  }
  return nest;
}

// Slice and StridedSlice; their gradient ops put a window where these take one.
void take(KernelContext& c) {
  std::int64_t first = 0;
  const LoopNest nest = window_loops(c.kept<SliceWindow>(), c.input(0).shape(), true, &first);
  strided_copy(c, nest, c.output(0).raw(), element(c.input(0), first), dtype_size(c.output(0).dtype()));
}
void put(KernelContext& c) {
  if (c.input(0).num_elements() < c.output(0).num_elements()) zero_bytes(c, c.output(0).raw(), c.output(0).bytes());
  std::int64_t first = 0;
  const LoopNest nest = window_loops(c.kept<SliceWindow>(), c.output(0).shape(), false, &first);
  strided_copy(c, nest, element(c.output(0), first), c.input(0).raw(), dtype_size(c.output(0).dtype()));
}

}  // namespace

void register_slice_kernels(KernelRegistry& kernels) {
  kernels.add("Slice", kDevice, kAllDTypes, take, common::prepare_slice);
  kernels.add("SliceGrad", kDevice, kAllDTypes, put, common::prepare_slice_grad);
  kernels.add("StridedSlice", kDevice, kAllDTypes, take, common::prepare_strided_slice);
  kernels.add("StridedSliceGrad", kDevice, kAllDTypes, put, common::prepare_strided_slice_grad);
}

}  // namespace gradus::cpu
