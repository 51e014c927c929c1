// Joining copies parts into a whole, cutting copies them out again.
#include "gradus/ops/concat.h"

#include "gradus/backends/reference/index.h"
#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

// Copies between `whole` and a part of it that starts at `offset` along `axis`; the part may lack that axis (stack).
void copy_part(Tensor& whole, Tensor& part, int axis, std::int64_t offset, bool part_has_axis, bool to_whole) {
  for_each_index(part.shape(), [&](const Index& p, std::int64_t i) {
    Index w{};
    for (int d = 0; d < whole.shape().rank(); ++d) {
      const bool after = d > axis && !part_has_axis;
      w[at(d)] = d == axis ? offset + (part_has_axis ? p[at(d)] : 0) : p[at(after ? d - 1 : d)];
    }
    const std::int64_t j = position_of(w, whole.shape());
    if (to_whole)
      copy_element(whole, j, part, i);
    else
      copy_element(part, i, whole, j);
  });
}

template <class A, bool part_has_axis>
void join(KernelContext& c) {
  const int axis = normalize_axis(c.attrs<A>().axis, c.output(0).shape().rank());
  std::int64_t offset = 0;
  for (int i = 0; i < c.num_inputs(); ++i) {
    Tensor part = c.input(i);
    copy_part(c.output(0), part, axis, offset, part_has_axis, true);
    offset += part_has_axis ? part.shape()[axis] : 1;
  }
}

template <class A, bool part_has_axis>
void cut(KernelContext& c) {
  Tensor whole = c.input(0);
  const int axis = normalize_axis(c.attrs<A>().axis, whole.shape().rank());
  std::int64_t offset = 0;
  for (int i = 0; i < c.num_outputs(); ++i) {
    copy_part(whole, c.output(i), axis, offset, part_has_axis, false);
    offset += part_has_axis ? c.output(i).shape()[axis] : 1;
  }
}

}  // namespace

void register_concat_kernels(KernelRegistry& kernels) {
  kernels.add("Concat", kDevice, kAllDTypes, join<ConcatAttrs, true>);
  kernels.add("ConcatGrad", kDevice, kAllDTypes, cut<ConcatAttrs, true>);
  kernels.add("Split", kDevice, kAllDTypes, cut<SplitAttrs, true>);
  kernels.add("Stack", kDevice, kAllDTypes, join<StackAttrs, false>);
  kernels.add("Unstack", kDevice, kAllDTypes, cut<UnstackAttrs, false>);
}

}  // namespace gradus::reference
