// Ops that move elements, by multi-dimensional index: where does each element of the result come from? Their gradients add each
// element of dy to where it came from.
#include "gradus/ops/layout.h"

#include "gradus/backends/common/host_operands.h"
#include "gradus/backends/reference/elementwise.h"
#include "gradus/backends/reference/index.h"
#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

std::size_t at(int d) { return static_cast<std::size_t>(d); }

void zero(Tensor& t) {
  if (t.bytes() > 0) std::memset(t.raw(), 0, t.bytes());
}

// y[i_perm[0], i_perm[1], ...] = x[i_0, i_1, ...]
void transpose(KernelContext& c) {
  const auto& perm = c.attrs<TransposeAttrs>().perm;
  const Tensor& x = c.input(0);
  const int rank = x.shape().rank();
  for_each_index(c.output(0).shape(), [&](const Index& to, std::int64_t i) {
    Index from{};
    for (int d = 0; d < rank; ++d)
      from[perm.empty() ? at(rank - 1 - d) : static_cast<std::size_t>(perm[at(d)])] = to[at(d)];
    copy_element(c.output(0), i, x, position_of(from, x.shape()));
  });
}

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

// Slice and StridedSlice; their gradient ops put a window where these take one.
void take(KernelContext& c) {
  for_each_in_window(c.kept<SliceWindow>(), c.input(0).shape(),
                     [&](std::int64_t in_x, std::int64_t i) { copy_element(c.output(0), i, c.input(0), in_x); });
}
void put(KernelContext& c) {
  zero(c.output(0));
  for_each_in_window(c.kept<SliceWindow>(), c.output(0).shape(),
                     [&](std::int64_t in_x, std::int64_t i) { copy_element(c.output(0), in_x, c.input(0), i); });
}

void pad(KernelContext& c) {
  const auto& attrs = c.attrs<PadAttrs>();
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    for (T& element : c.output(0).flat<T>()) element = *attrs.constant_value.as<T>();
  });
  for_each_index(c.input(0).shape(), [&](const Index& from, std::int64_t i) {
    Index to{};
    for (int d = 0; d < c.input(0).shape().rank(); ++d) to[at(d)] = from[at(d)] + attrs.paddings[at(2 * d)];
    copy_element(c.output(0), position_of(to, c.output(0).shape()), c.input(0), i);
  });
}

// Where an element of the padded tensor comes from.
Index mirrored(const Index& padded, const Shape& x, const std::vector<std::int64_t>& paddings) {
  Index from{};
  for (int d = 0; d < x.rank(); ++d) from[at(d)] = reflected(padded[at(d)] - paddings[at(2 * d)], x[d]);
  return from;
}

void mirror_pad(KernelContext& c) {
  const Shape& x = c.input(0).shape();
  for_each_index(c.output(0).shape(), [&](const Index& to, std::int64_t i) {
    copy_element(c.output(0), i, c.input(0), position_of(mirrored(to, x, c.attrs<MirrorPadAttrs>().paddings), x));
  });
}

// out[position of f(index)] = the sum of dy[index]: real numbers in float64, integers exactly.
template <class F>
void scatter_add(Tensor& out, const Tensor& dy, F&& target) {
  visit_dtype(out.dtype(), [&]<class T>(TypeTag<T>) {
    std::vector<Wide<T>> sums(static_cast<std::size_t>(out.num_elements()));
    for_each_index(dy.shape(), [&](const Index& index, std::int64_t i) {
      Wide<T>& sum = sums[static_cast<std::size_t>(position_of(target(index), out.shape()))];
      sum = static_cast<Wide<T>>(wrapping(sum) + wrapping(static_cast<Wide<T>>(dy.data<T>()[i])));
    });
    for (std::int64_t i = 0; i < out.num_elements(); ++i)
      out.data<T>()[i] = static_cast<T>(sums[static_cast<std::size_t>(i)]);
  });
}

void mirror_pad_grad(KernelContext& c) {
  const Shape& x = c.output(0).shape();
  scatter_add(c.output(0), c.input(0),
              [&](const Index& index) { return mirrored(index, x, c.attrs<MirrorPadAttrs>().paddings); });
}

Index tile_origin(Index index, const Shape& x) {
  for (int d = 0; d < x.rank(); ++d) index[at(d)] %= x[d];
  return index;
}
void tile(KernelContext& c) {
  const Shape& x = c.input(0).shape();
  for_each_index(c.output(0).shape(), [&](const Index& to, std::int64_t i) {
    copy_element(c.output(0), i, c.input(0), position_of(tile_origin(to, x), x));
  });
}
void tile_grad(KernelContext& c) {
  scatter_add(c.output(0), c.input(0), [&](const Index& index) { return tile_origin(index, c.output(0).shape()); });
}

}  // namespace

void register_layout_kernels(KernelRegistry& kernels) {
  kernels.add("Transpose", kDevice, kAllDTypes, transpose);
  kernels.add("Concat", kDevice, kAllDTypes, join<ConcatAttrs, true>);
  kernels.add("ConcatGrad", kDevice, kAllDTypes, cut<ConcatAttrs, true>);
  kernels.add("Split", kDevice, kAllDTypes, cut<SplitAttrs, true>);
  kernels.add("Stack", kDevice, kAllDTypes, join<StackAttrs, false>);
  kernels.add("Unstack", kDevice, kAllDTypes, cut<UnstackAttrs, false>);
  kernels.add("Slice", kDevice, kAllDTypes, take, common::prepare_slice);
  kernels.add("SliceGrad", kDevice, kAllDTypes, put, common::prepare_slice_grad);
  kernels.add("StridedSlice", kDevice, kAllDTypes, take, common::prepare_strided_slice);
  kernels.add("StridedSliceGrad", kDevice, kAllDTypes, put, common::prepare_strided_slice_grad);
  kernels.add("Pad", kDevice, kAllDTypes, pad);
  kernels.add("MirrorPad", kDevice, kAllDTypes, mirror_pad);
  kernels.add("MirrorPadGrad", kDevice, kNumeric, mirror_pad_grad);
  kernels.add("Tile", kDevice, kAllDTypes, tile);
  kernels.add("TileGrad", kDevice, kNumeric, tile_grad);
}

}  // namespace gradus::reference
