// Everything here is loop nests over strides (strided_copy.h); the sums of the gradient ops are in layout_grad.cc.
#include "gradus/ops/concat.h"
#include "gradus/ops/pad.h"
#include "gradus/ops/slice.h"
#include "gradus/ops/tile.h"
#include "gradus/ops/transpose.h"

#include "gradus/backends/common/host_operands.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"

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
  const auto to = row_major_strides(y);
  const auto from = row_major_strides(c.input(0).shape());
  StridedCopy copy;
  for (int d = 0; d < y.rank(); ++d) {
    copy.loop(y[d], to[at(d)], from[perm.empty() ? at(y.rank() - 1 - d) : static_cast<std::size_t>(perm[at(d)])]);
  }
  copy.run(c, c.output(0).raw(), c.input(0).raw(), dtype_size(c.output(0).dtype()));
}

// A tensor cut along an axis, seen as [outer, run]: a part takes `run` consecutive elements of each of the outer rows.
struct Rows {
  std::int64_t outer = 1;
  std::int64_t run = 1;
};
Rows rows_of(const Shape& whole, int axis) {
  Rows rows;
  for (int d = 0; d < axis; ++d) rows.outer *= whole[d];
  for (int d = axis; d < whole.rank(); ++d) rows.run *= whole[d];
  return rows;
}

// Concat and Stack: a part's elements per row follow from its element count, whether or not it has the axis.
template <class A>
void join(KernelContext& c) {
  Tensor& whole = c.output(0);
  const Rows rows = rows_of(whole.shape(), normalize_axis(c.attrs<A>().axis, whole.shape().rank()));
  if (whole.num_elements() == 0) return;
  std::int64_t offset = 0;
  for (int i = 0; i < c.num_inputs(); ++i) {
    const std::int64_t run = c.input(i).num_elements() / rows.outer;
    StridedCopy copy;
    copy.loop(rows.outer, rows.run, run);
    copy.loop(run, 1, 1);
    copy.run(c, element(whole, offset), c.input(i).raw(), dtype_size(whole.dtype()));
    offset += run;
  }
}

// Split, Unstack and ConcatGrad.
template <class A>
void cut(KernelContext& c) {
  const Tensor& whole = c.input(0);
  const Rows rows = rows_of(whole.shape(), normalize_axis(c.attrs<A>().axis, whole.shape().rank()));
  if (whole.num_elements() == 0) return;
  std::int64_t offset = 0;
  for (int i = 0; i < c.num_outputs(); ++i) {
    const std::int64_t run = c.output(i).num_elements() / rows.outer;
    StridedCopy copy;
    copy.loop(rows.outer, run, rows.run);
    copy.loop(run, 1, 1);
    copy.run(c, c.output(i).raw(), element(whole, offset), dtype_size(whole.dtype()));
    offset += run;
  }
}

// Offset of the window's first element in a tensor of shape x, and its strides there.
std::int64_t window_strides(const SliceWindow& window, const Shape& x,
                            std::array<std::int64_t, Shape::kMaxRank>* strides) {
  *strides = row_major_strides(x);
  std::int64_t offset = 0;
  for (int d = 0; d < window.rank; ++d) {
    offset += window.begin[at(d)] * (*strides)[at(d)];
    (*strides)[at(d)] *= window.step[at(d)];
  }
  return offset;
}
std::array<std::int64_t, Shape::kMaxRank> packed_strides(const SliceWindow& window) {
  std::array<std::int64_t, Shape::kMaxRank> strides{};
  std::int64_t stride = 1;
  for (int d = window.rank - 1; d >= 0; --d) {
    strides[at(d)] = stride;
    stride *= window.size[at(d)];
  }
  return strides;
}

void take_window(KernelContext& c, const SliceWindow& window) {
  std::array<std::int64_t, Shape::kMaxRank> from;
  const std::int64_t offset = window_strides(window, c.input(0).shape(), &from);
  const auto to = packed_strides(window);
  StridedCopy copy;
  for (int d = 0; d < window.rank; ++d) copy.loop(window.size[at(d)], to[at(d)], from[at(d)]);
  if (c.output(0).num_elements() > 0)
    copy.run(c, c.output(0).raw(), element(c.input(0), offset), dtype_size(c.output(0).dtype()));
}

void put_window(KernelContext& c, const SliceWindow& window) {
  if (c.input(0).num_elements() < c.output(0).num_elements()) zero_bytes(c, c.output(0).raw(), c.output(0).bytes());
  std::array<std::int64_t, Shape::kMaxRank> to;
  const std::int64_t offset = window_strides(window, c.output(0).shape(), &to);
  const auto from = packed_strides(window);
  StridedCopy copy;
  for (int d = 0; d < window.rank; ++d) copy.loop(window.size[at(d)], to[at(d)], from[at(d)]);
  if (c.input(0).num_elements() > 0)
    copy.run(c, element(c.output(0), offset), c.input(0).raw(), dtype_size(c.output(0).dtype()));
}

// The gradient ops put a window where Slice and StridedSlice take one.
void take(KernelContext& c) { take_window(c, c.kept<SliceWindow>()); }
void put(KernelContext& c) { put_window(c, c.kept<SliceWindow>()); }

void pad(KernelContext& c) {
  const auto& attrs = c.attrs<PadAttrs>();
  const Tensor& x = c.input(0);
  Tensor& y = c.output(0);
  visit_dtype(y.dtype(), [&]<class T>(TypeTag<T>) {
    const T value = *attrs.constant_value.as<T>();
    fill_elements(c, y.raw(), y.num_elements(), &value, sizeof(T));
  });
  const auto to = row_major_strides(y.shape());
  const auto from = row_major_strides(x.shape());
  std::int64_t offset = 0;
  StridedCopy copy;
  for (int d = 0; d < x.shape().rank(); ++d) {
    offset += attrs.paddings[at(2 * d)] * to[at(d)];
    copy.loop(x.shape()[d], to[at(d)], from[at(d)]);
  }
  if (x.num_elements() > 0) copy.run(c, element(y, offset), x.raw(), dtype_size(y.dtype()));
}

void tile(KernelContext& c) {
  const Shape& x = c.input(0).shape();
  const Shape& y = c.output(0).shape();
  if (y.num_elements() == 0) return;
  const auto to = row_major_strides(y);
  const auto from = row_major_strides(x);
  StridedCopy copy;
  for (int d = 0; d < x.rank(); ++d) {
    copy.loop(y[d] / x[d], to[at(d)] * x[d], 0);
    copy.loop(x[d], to[at(d)], from[at(d)]);
  }
  copy.run(c, c.output(0).raw(), c.input(0).raw(), dtype_size(c.output(0).dtype()));
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
  register_layout_sum_kernels(kernels);
}

}  // namespace gradus::cpu
