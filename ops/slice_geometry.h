// Slices and paddings as arithmetic: the one place that turns begin, end, strides and masks into positions, used by the shape
// functions and by the kernels of every backend. Rules as in TensorFlow (and NumPy): negative indices count from the end,
// bounds beyond the tensor are cut off.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "gradus/core/tensor.h"

namespace gradus {

// Bit i of a mask speaks about entry i of begin, end and strides.
struct StridedSliceAttrs {
  std::int64_t begin_mask = 0;
  std::int64_t end_mask = 0;
  std::int64_t ellipsis_mask = 0;
  std::int64_t new_axis_mask = 0;
  std::int64_t shrink_axis_mask = 0;
  template <class V>
  void visit(V& v) {
    v("begin_mask", begin_mask, "bit i: begin[i] is ignored, the slice starts at the first element of its direction");
    v("end_mask", end_mask, "bit i: end[i] is ignored, the slice goes to the last element of its direction");
    v("ellipsis_mask", ellipsis_mask,
      "bit i (one at most): entry i stands for all dimensions that no other entry names");
    v("new_axis_mask", new_axis_mask, "bit i: entry i inserts a dimension of size 1");
    v("shrink_axis_mask", shrink_axis_mask,
      "bit i: the slice is the one element begin[i], and the dimension goes away");
  }
};

// Per axis of the sliced tensor: x[begin + k * step], k < size. Where a bound or dimension is unknown, size is kUnknownDim.
// The elements in row-major order are those of the result, whose shape is `output` (without shrunk axes, with new ones).
struct SliceWindow {
  int rank = 0;
  std::array<std::int64_t, Shape::kMaxRank> begin{};
  std::array<std::int64_t, Shape::kMaxRank> step{};
  std::array<std::int64_t, Shape::kMaxRank> size{};
  Shape output;
};

// Up to this many entries in begin, end and strides: every axis of an operand and of a result.
inline constexpr int kMaxSliceEntries = 2 * Shape::kMaxRank;

// x[begin : begin + size] per axis; size -1 goes to the end. Values may be kUnknownValue. Throws InvalidArgument (lengths,
// negative values) or OutOfRange (beyond x).
SliceWindow slice_window(const Shape& x, std::span<const std::int64_t> begin, std::span<const std::int64_t> size);

// x[begin : end : strides] with masks. Throws InvalidArgument (lengths, stride 0, too many entries) or OutOfRange (a single
// element that x does not have).
SliceWindow strided_slice_window(const Shape& x, std::span<const std::int64_t> begin, std::span<const std::int64_t> end,
                                 std::span<const std::int64_t> strides, const StridedSliceAttrs& attrs);

// The shape of x with paddings {before_0, after_0, before_1, ...} added, or, with sign -1, removed. For reflection each padding
// must be smaller than the dimension it mirrors. Throws InvalidArgument.
Shape padded_shape(const Shape& x, const std::vector<std::int64_t>& paddings, bool reflect, int sign = 1);

// Where position i of a reflected axis comes from, for i in [-size + 1, 2 * size - 1): 2 1 | 0 1 2 | 1 0.
constexpr std::int64_t reflected(std::int64_t i, std::int64_t size) {
  if (i < 0) return -i;
  return i < size ? i : 2 * (size - 1) - i;
}

}  // namespace gradus
