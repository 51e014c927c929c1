// Everything here is loop nests over strides (strided_copy.h); the sums of the gradient ops are in layout_sums.cc.
#include "gradus/ops/layout.h"

#include "gradus/backends/common/host_operands.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::cpu {
namespace {

std::size_t at(int d) { return static_cast<std::size_t>(d); }

const char* element(const Tensor& t, std::int64_t i) {
  return static_cast<const char*>(t.raw()) + i * static_cast<std::int64_t>(dtype_size(t.dtype()));
}
char* element(Tensor& t, std::int64_t i) {
  return static_cast<char*>(t.raw()) + i * static_cast<std::int64_t>(dtype_size(t.dtype()));
}

void transpose(KernelContext& c) {
  const auto& perm = c.attrs<TransposeAttrs>().perm;
  const Shape& y = c.output(0).shape();
  const auto to = row_major_strides(y), from = row_major_strides(c.input(0).shape());
  LoopNest nest;
  for (int d = 0; d < y.rank(); ++d) {
    nest.add(y[d], {to[d], from[perm.empty() ? y.rank() - 1 - d : static_cast<int>(perm[at(d)])]});
  }
  strided_copy(c, nest, c.output(0).raw(), c.input(0).raw(), dtype_size(c.output(0).dtype()));
}

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

void pad(KernelContext& c) {
  const auto& attrs = c.attrs<PadAttrs>();
  const Tensor& x = c.input(0);
  Tensor& y = c.output(0);
  visit_dtype(y.dtype(), [&]<class T>(TypeTag<T>) {
    const T value = *attrs.constant_value.as<T>();
    fill_elements(c, y.raw(), y.num_elements(), &value, sizeof(T));
  });
  const auto to = row_major_strides(y.shape()), from = row_major_strides(x.shape());
  std::int64_t first = 0;
  LoopNest nest;
  for (int d = 0; d < x.shape().rank(); ++d) {
    first += attrs.paddings[at(2 * d)] * to[d];
    nest.add(x.shape()[d], {to[d], from[d]});
  }
  strided_copy(c, nest, element(y, first), x.raw(), dtype_size(y.dtype()));
}

void tile(KernelContext& c) {
  const Shape& x = c.input(0).shape();
  const Shape& y = c.output(0).shape();
  if (y.num_elements() == 0) return;
  const auto to = row_major_strides(y), from = row_major_strides(x);
  LoopNest nest;
  for (int d = 0; d < x.rank(); ++d) {
    nest.add(y[d] / x[d], {to[d] * x[d], 0});
    nest.add(x[d], {to[d], from[d]});
  }
  strided_copy(c, nest, c.output(0).raw(), c.input(0).raw(), dtype_size(c.output(0).dtype()));
}

}  // namespace

void register_layout_kernels(KernelRegistry& kernels) {
  kernels.add("Transpose", kDevice, kAllDTypes, transpose);
  kernels.add("Concat", kDevice, kAllDTypes, join<ConcatAttrs>);
  kernels.add("ConcatGrad", kDevice, kAllDTypes, cut<ConcatAttrs>);
  kernels.add("Split", kDevice, kAllDTypes, cut<SplitAttrs>);
  kernels.add("Stack", kDevice, kAllDTypes, join<StackAttrs>);
  kernels.add("Unstack", kDevice, kAllDTypes, cut<UnstackAttrs>);
  kernels.add("Slice", kDevice, kAllDTypes, take, common::prepare_slice);
  kernels.add("SliceGrad", kDevice, kAllDTypes, put, common::prepare_slice_grad);
  kernels.add("StridedSlice", kDevice, kAllDTypes, take, common::prepare_strided_slice);
  kernels.add("StridedSliceGrad", kDevice, kAllDTypes, put, common::prepare_strided_slice_grad);
  kernels.add("Pad", kDevice, kAllDTypes, pad);
  kernels.add("Tile", kDevice, kAllDTypes, tile);
}

}  // namespace gradus::cpu
