// Ops that only move elements, as loops over strides: the same for every fast backend, which says by its Mover how such loops are run.
//
//   struct Mover {
//     // dst[offset of operand 0] = src[offset of operand 1] for all iterations of the nest. No two iterations write the same element; dst
//     // and src do not overlap.
//     static void copy(KernelContext& c, const LoopNest& nest, void* dst, const void* src, std::size_t element_size);
//     // `count` elements of the value at `value`, which lies in the host's memory.
//     static void fill(KernelContext& c, void* dst, std::int64_t count, const void* value, std::size_t element_size);
//   };
#pragma once

#include <cstdint>

#include "gradus/backends/common/host_operands.h"
#include "gradus/backends/common/loop_nest.h"
#include "gradus/core/kernel.h"
#include "gradus/ops/axis_extents.h"
#include "gradus/ops/concat.h"
#include "gradus/ops/pad.h"
#include "gradus/ops/reverse.h"
#include "gradus/ops/slice.h"
#include "gradus/ops/transpose.h"

namespace gradus::common {

inline std::size_t at(int d) { return static_cast<std::size_t>(d); }

// Where element i lies.
inline const char* element(const Tensor& t, std::int64_t i) {
  return static_cast<const char*>(t.raw()) + i * static_cast<std::int64_t>(dtype_size(t.dtype()));
}
inline char* element(Tensor& t, std::int64_t i) {
  return static_cast<char*>(t.raw()) + i * static_cast<std::int64_t>(dtype_size(t.dtype()));
}

template <class Mover>
void zero(KernelContext& c, Tensor& y) {
  const std::uint8_t zero = 0;
  Mover::fill(c, y.raw(), static_cast<std::int64_t>(y.bytes()), &zero, 1);
}

// ---- Fill

template <class Mover>
void zeros_like(KernelContext& c) {
  zero<Mover>(c, c.output(0));
}
template <class Mover>
void ones_like(KernelContext& c) {
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    const T one = static_cast<T>(1.0f);
    Mover::fill(c, c.output(0).raw(), c.output(0).num_elements(), &one, sizeof(T));
  });
}
// The value is an operand.
template <class Mover>
void fill(KernelContext& c) {
  LoopNest nest;
  nest.add(c.output(0).num_elements(), {1, 0});
  Mover::copy(c, nest, c.output(0).raw(), c.input(1).raw(), dtype_size(c.output(0).dtype()));
}
template <class Mover>
void broadcast_to(KernelContext& c) {
  const Shape& y = c.output(0).shape();
  const auto to = row_major_strides(y), from = broadcast_strides(c.input(0).shape(), y);
  LoopNest nest;
  for (int d = 0; d < y.rank(); ++d) nest.add(y[d], {to[d], from[d]});
  Mover::copy(c, nest, c.output(0).raw(), c.input(0).raw(), dtype_size(c.output(0).dtype()));
}

// ---- Transpose, reverse, tile, pad

template <class Mover>
void transpose(KernelContext& c) {
  const auto& perm = c.attrs<TransposeAttrs>().perm;
  const Shape& y = c.output(0).shape();
  const auto to = row_major_strides(y), from = row_major_strides(c.input(0).shape());
  LoopNest nest;
  for (int d = 0; d < y.rank(); ++d) {
    nest.add(y[d], {to[d], from[perm.empty() ? y.rank() - 1 - d : static_cast<int>(perm[at(d)])]});
  }
  Mover::copy(c, nest, c.output(0).raw(), c.input(0).raw(), dtype_size(c.output(0).dtype()));
}

// Starts at the last element of each reversed dimension and has a negative stride there.
template <class Mover>
void reverse(KernelContext& c) {
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
  Mover::copy(c, nest, c.output(0).raw(), element(x, first), dtype_size(x.dtype()));
}

template <class Mover>
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
  Mover::copy(c, nest, c.output(0).raw(), c.input(0).raw(), dtype_size(c.output(0).dtype()));
}

template <class Mover>
void pad(KernelContext& c) {
  const auto& attrs = c.attrs<PadAttrs>();
  const Tensor& x = c.input(0);
  Tensor& y = c.output(0);
  visit_dtype(y.dtype(), [&]<class T>(TypeTag<T>) {
    const T value = *attrs.constant_value.as<T>();
    Mover::fill(c, y.raw(), y.num_elements(), &value, sizeof(T));
  });
  const auto to = row_major_strides(y.shape()), from = row_major_strides(x.shape());
  std::int64_t first = 0;
  LoopNest nest;
  for (int d = 0; d < x.shape().rank(); ++d) {
    first += attrs.paddings[at(2 * d)] * to[d];
    nest.add(x.shape()[d], {to[d], from[d]});
  }
  Mover::copy(c, nest, element(y, first), x.raw(), dtype_size(y.dtype()));
}

// ---- Concat and its relatives: a tensor that is cut along an axis is [outer, run], and a part takes some consecutive elements of each of
// the outer rows.

// Copies such stretches, which are `to` and `from` elements apart.
template <class Mover>
void copy_rows(KernelContext& c, std::int64_t rows, std::int64_t elements, char* dst, std::int64_t to, const char* src,
               std::int64_t from, DType dtype) {
  LoopNest nest;
  nest.add(rows, {to, from});
  nest.add(elements, {1, 1});
  Mover::copy(c, nest, dst, src, dtype_size(dtype));
}

// Concat and Stack: a part's elements per row follow from its element count, whether or not it has the axis.
template <class Mover, class A>
void join(KernelContext& c) {
  Tensor& whole = c.output(0);
  if (whole.num_elements() == 0) return;
  const AxisExtents e = axis_extents(whole.shape(), c.attrs<A>().axis);
  std::int64_t offset = 0;
  for (int i = 0; i < c.num_inputs(); ++i) {
    const std::int64_t run = c.input(i).num_elements() / e.outer;
    copy_rows<Mover>(c, e.outer, run, element(whole, offset), e.axis * e.inner, element(c.input(i), 0), run,
                     whole.dtype());
    offset += run;
  }
}

// Split, Unstack and ConcatGrad.
template <class Mover, class A>
void cut(KernelContext& c) {
  const Tensor& whole = c.input(0);
  if (whole.num_elements() == 0) return;
  const AxisExtents e = axis_extents(whole.shape(), c.attrs<A>().axis);
  std::int64_t offset = 0;
  for (int i = 0; i < c.num_outputs(); ++i) {
    const std::int64_t run = c.output(i).num_elements() / e.outer;
    copy_rows<Mover>(c, e.outer, run, element(c.output(i), 0), run, element(whole, offset), e.axis * e.inner,
                     whole.dtype());
    offset += run;
  }
}

// ---- Slices: taken by the ops, put back into zeros by their gradients.

// A window as loops: over its elements as they lie packed, and as they lie in a tensor of shape x, from element *first on.
inline LoopNest window_loops(const SliceWindow& window, const Shape& x, bool packed_first, std::int64_t* first) {
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

template <class Mover>
void take_window(KernelContext& c) {
  std::int64_t first = 0;
  const LoopNest nest = window_loops(c.kept<SliceWindow>(), c.input(0).shape(), true, &first);
  Mover::copy(c, nest, c.output(0).raw(), element(c.input(0), first), dtype_size(c.output(0).dtype()));
}
template <class Mover>
void put_window(KernelContext& c) {
  if (c.input(0).num_elements() < c.output(0).num_elements()) zero<Mover>(c, c.output(0));
  std::int64_t first = 0;
  const LoopNest nest = window_loops(c.kept<SliceWindow>(), c.output(0).shape(), false, &first);
  Mover::copy(c, nest, element(c.output(0), first), c.input(0).raw(), dtype_size(c.output(0).dtype()));
}

// ---- By family; of `fill`, `tile` and `pad` those that calculate nothing.

template <class Mover>
void register_fill_moves(KernelRegistry& kernels, const char* device) {
  kernels.add("ZerosLike", device, kAllDTypes, zeros_like<Mover>);
  kernels.add("OnesLike", device, kAllDTypes, ones_like<Mover>);
  kernels.add("Fill", device, kAllDTypes, fill<Mover>);
  kernels.add("BroadcastTo", device, kAllDTypes, broadcast_to<Mover>);
}
template <class Mover>
void register_transpose_moves(KernelRegistry& kernels, const char* device) {
  kernels.add("Transpose", device, kAllDTypes, transpose<Mover>);
}
template <class Mover>
void register_reverse_moves(KernelRegistry& kernels, const char* device) {
  kernels.add("Reverse", device, kAllDTypes, reverse<Mover>);
}
template <class Mover>
void register_tile_moves(KernelRegistry& kernels, const char* device) {
  kernels.add("Tile", device, kAllDTypes, tile<Mover>);
}
template <class Mover>
void register_pad_moves(KernelRegistry& kernels, const char* device) {
  kernels.add("Pad", device, kAllDTypes, pad<Mover>);
}
template <class Mover>
void register_concat_moves(KernelRegistry& kernels, const char* device) {
  kernels.add("Concat", device, kAllDTypes, join<Mover, ConcatAttrs>);
  kernels.add("ConcatGrad", device, kAllDTypes, cut<Mover, ConcatAttrs>);
  kernels.add("Split", device, kAllDTypes, cut<Mover, SplitAttrs>);
  kernels.add("Stack", device, kAllDTypes, join<Mover, StackAttrs>);
  kernels.add("Unstack", device, kAllDTypes, cut<Mover, UnstackAttrs>);
}
template <class Mover>
void register_slice_moves(KernelRegistry& kernels, const char* device) {
  kernels.add("Slice", device, kAllDTypes, take_window<Mover>, prepare_slice);
  kernels.add("SliceGrad", device, kAllDTypes, put_window<Mover>, prepare_slice_grad);
  kernels.add("StridedSlice", device, kAllDTypes, take_window<Mover>, prepare_strided_slice);
  kernels.add("StridedSliceGrad", device, kAllDTypes, put_window<Mover>, prepare_strided_slice_grad);
}

}  // namespace gradus::common
