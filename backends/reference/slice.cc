// Windows, element by element: taken by the ops, put back into zeros by their gradients.
#include "gradus/ops/slice.h"

#include "gradus/backends/common/host_operands.h"
#include "gradus/backends/reference/index.h"
#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

// Calls f(position in x, position in the slice) for every element of a window on a tensor of shape x.
template <class F>
void for_each_in_window(const SliceWindow& window, const Shape& x, F&& f) {
  Shape sizes;
  for (int d = 0; d < window.rank; ++d) sizes.push_back(window.size[at(d)]);
  for_each_index(sizes, [&](const Index& index, std::int64_t i) {
    Index source{};
    for (int d = 0; d < window.rank; ++d) source[at(d)] = window.begin[at(d)] + index[at(d)] * window.step[at(d)];
    f(position_of(source, x), i);
  });
}

void take(KernelContext& c) {
  for_each_in_window(c.kept<SliceWindow>(), c.input(0).shape(),
                     [&](std::int64_t in_x, std::int64_t i) { copy_element(c.output(0), i, c.input(0), in_x); });
}
void put(KernelContext& c) {
  if (c.output(0).bytes() > 0) std::memset(c.output(0).raw(), 0, c.output(0).bytes());
  for_each_in_window(c.kept<SliceWindow>(), c.output(0).shape(),
                     [&](std::int64_t in_x, std::int64_t i) { copy_element(c.output(0), in_x, c.input(0), i); });
}

}  // namespace

void register_slice_kernels(KernelRegistry& kernels) {
  kernels.add("Slice", kDevice, kAllDTypes, take, common::prepare_slice);
  kernels.add("SliceGrad", kDevice, kAllDTypes, put, common::prepare_slice_grad);
  kernels.add("StridedSlice", kDevice, kAllDTypes, take, common::prepare_strided_slice);
  kernels.add("StridedSliceGrad", kDevice, kAllDTypes, put, common::prepare_strided_slice_grad);
}

}  // namespace gradus::reference
