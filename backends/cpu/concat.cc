// Joining copies stretches of consecutive elements into each row of the whole, cutting copies them out again.
#include "gradus/ops/concat.h"

#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::cpu {
namespace {

// A tensor that is cut along an axis is [outer, run]: a part takes some consecutive elements of each of the outer rows. Copies such
// stretches, which are `to` and `from` elements apart.
void copy_rows(KernelContext& c, std::int64_t rows, std::int64_t elements, char* dst, std::int64_t to, const char* src,
               std::int64_t from, DType dtype) {
  LoopNest nest;
  nest.add(rows, {to, from});
  nest.add(elements, {1, 1});
  strided_copy(c, nest, dst, src, dtype_size(dtype));
}

// Concat and Stack: a part's elements per row follow from its element count, whether or not it has the axis.
template <class A>
void join(KernelContext& c) {
  Tensor& whole = c.output(0);
  if (whole.num_elements() == 0) return;
  const AxisExtents e = axis_extents(whole.shape(), c.attrs<A>().axis);
  std::int64_t offset = 0;
  for (int i = 0; i < c.num_inputs(); ++i) {
    const std::int64_t run = c.input(i).num_elements() / e.outer;
    copy_rows(c, e.outer, run, element(whole, offset), e.axis * e.inner, element(c.input(i), 0), run, whole.dtype());
    offset += run;
  }
}

// Split, Unstack and ConcatGrad.
template <class A>
void cut(KernelContext& c) {
  const Tensor& whole = c.input(0);
  if (whole.num_elements() == 0) return;
  const AxisExtents e = axis_extents(whole.shape(), c.attrs<A>().axis);
  std::int64_t offset = 0;
  for (int i = 0; i < c.num_outputs(); ++i) {
    const std::int64_t run = c.output(i).num_elements() / e.outer;
    copy_rows(c, e.outer, run, element(c.output(i), 0), run, element(whole, offset), e.axis * e.inner, whole.dtype());
    offset += run;
  }
}

}  // namespace

void register_concat_kernels(KernelRegistry& kernels) {
  kernels.add("Concat", kDevice, kAllDTypes, join<ConcatAttrs>);
  kernels.add("ConcatGrad", kDevice, kAllDTypes, cut<ConcatAttrs>);
  kernels.add("Split", kDevice, kAllDTypes, cut<SplitAttrs>);
  kernels.add("Stack", kDevice, kAllDTypes, join<StackAttrs>);
  kernels.add("Unstack", kDevice, kAllDTypes, cut<UnstackAttrs>);
}

}  // namespace gradus::cpu
