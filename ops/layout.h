// Ops that move elements without computing: transpose, concat, split, stack, unstack, slice, strided_slice, pad, tile, and the
// gradient ops among them. Any dtype. Semantics follow TensorFlow; page: docs/ops/layout.md.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "gradus/graph/graph.h"
#include "gradus/ops/slice_geometry.h"

namespace gradus {

struct TransposeAttrs {
  std::vector<std::int64_t> perm;
  template <class V>
  void visit(V& v) {
    v("perm", perm, "dimension i of the result is dimension perm[i] of x; empty reverses the dimensions");
  }
};

struct ConcatAttrs {
  std::int64_t axis = 0;
  template <class V>
  void visit(V& v) {
    v("axis", axis, "dimension along which the values are joined");
  }
};

struct SplitAttrs {
  std::int64_t axis = 0;
  std::int64_t num_splits = 0;
  std::vector<std::int64_t> sizes;
  template <class V>
  void visit(V& v) {
    v("axis", axis, "dimension that is cut");
    v("num_splits", num_splits, "number of equal pieces; used when sizes is empty");
    v("sizes", sizes, "size of every piece along the axis; one may be -1, the rest");
  }
};

struct StackAttrs {
  std::int64_t axis = 0;
  template <class V>
  void visit(V& v) {
    v("axis", axis, "the new dimension, -rank-1 to rank");
  }
};

struct UnstackAttrs {
  std::int64_t axis = 0;
  std::int64_t num = -1;
  template <class V>
  void visit(V& v) {
    v("axis", axis, "dimension that goes away");
    v("num", num, "its size where the graph does not know it; -1 otherwise");
  }
};

struct PadAttrs {
  std::vector<std::int64_t> paddings;
  Number constant_value = 0;
  template <class V>
  void visit(V& v) {
    v("paddings", paddings, "before_0, after_0, before_1, after_1, ...");
    v("constant_value", constant_value, "value of the new elements; for integers an integer within their range");
  }
};

struct MirrorPadAttrs {
  std::vector<std::int64_t> paddings;
  template <class V>
  void visit(V& v) {
    v("paddings", paddings, "before_0, after_0, before_1, after_1, ...; each smaller than its dimension");
  }
};

enum class PadMode { kConstant, kReflect };

// y[i_perm[0], i_perm[1], ...] = x[i_0, i_1, ...]. Without perm the dimensions are reversed (a matrix is transposed).
// Throws InvalidArgument unless perm is a permutation of 0..rank-1.
Output transpose(const Output& x, const std::vector<std::int64_t>& perm = {}, std::string_view name = "",
                 SourceLocation location = SourceLocation::current());

// The values one after another along `axis`; all other dimensions and the dtypes must agree (InvalidArgument).
Output concat(const std::vector<Output>& values, std::int64_t axis, std::string_view name = "",
              SourceLocation location = SourceLocation::current());

// x cut along `axis` into equal pieces, or into pieces of the given sizes (one may be -1: what the others leave). Throws
// InvalidArgument when the pieces do not add up to the dimension.
std::vector<Output> split(const Output& x, std::int64_t num_splits, std::int64_t axis, std::string_view name = "",
                          SourceLocation location = SourceLocation::current());
std::vector<Output> split_sizes(const Output& x, const std::vector<std::int64_t>& sizes, std::int64_t axis,
                                std::string_view name = "", SourceLocation location = SourceLocation::current());

// Values of one shape and dtype as the slices of a tensor with one more dimension, `axis`; and back. `num` is needed only where
// the size of x's axis is unknown. Throws InvalidArgument for other shapes or dtypes among the values, an axis outside the result's
// (stack) or x's dimensions (unstack), and a num that is not the axis' size.
Output stack(const std::vector<Output>& values, std::int64_t axis = 0, std::string_view name = "",
             SourceLocation location = SourceLocation::current());
std::vector<Output> unstack(const Output& x, std::int64_t axis = 0, std::int64_t num = -1, std::string_view name = "",
                            SourceLocation location = SourceLocation::current());

// x[begin_0 : begin_0 + size_0, ...]; size -1 goes to the end. begin and size are int32 or int64 vectors, one element per
// dimension. Throws InvalidArgument (negative values), OutOfRange (a slice beyond x).
Output slice(const Output& x, const Output& begin, const Output& size, std::string_view name = "",
             SourceLocation location = SourceLocation::current());
Output slice(const Output& x, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& size,
             std::string_view name = "", SourceLocation location = SourceLocation::current());

// x[begin_0 : end_0 : strides_0, ...] by Python's rules: negative indices count from the end, bounds beyond x are cut off,
// negative strides go backwards, dimensions without an entry are taken whole. The masks are described at StridedSliceAttrs.
// Without strides they are 1. Throws InvalidArgument (stride 0), OutOfRange (a shrunk axis' index beyond x).
Output strided_slice(const Output& x, const Output& begin, const Output& end, const Output& strides,
                     const StridedSliceAttrs& attrs = {}, std::string_view name = "",
                     SourceLocation location = SourceLocation::current());
Output strided_slice(const Output& x, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& end,
                     const std::vector<std::int64_t>& strides = {}, const StridedSliceAttrs& attrs = {},
                     std::string_view name = "", SourceLocation location = SourceLocation::current());

// x with paddings {before_0, after_0, before_1, ...} around it: constant_value, or x's own elements mirrored at the border
// without repeating it (reflect; then paddings must be smaller than their dimension). Throws InvalidArgument, also for a
// constant_value that x's dtype does not hold (core/number.h).
Output pad(const Output& x, const std::vector<std::int64_t>& paddings, PadMode mode = PadMode::kConstant,
           Number constant_value = 0, std::string_view name = "", SourceLocation location = SourceLocation::current());

// x repeated multiples[i] times along dimension i. `multiples` is an int32 or int64 vector, one element >= 0 per dimension
// (InvalidArgument otherwise). The gradient is tile_grad.
Output tile(const Output& x, const Output& multiples, std::string_view name = "",
            SourceLocation location = SourceLocation::current());
Output tile(const Output& x, const std::vector<std::int64_t>& multiples, std::string_view name = "",
            SourceLocation location = SourceLocation::current());

// The gradient ops. Each is linear in its first operand and is the adjoint of its op, so their own gradients are the ops.
// concat_grad: dy cut along `axis` into pieces of the given shapes (int32 or int64 vectors).
std::vector<Output> concat_grad(const Output& dy, const std::vector<Output>& shapes, std::int64_t axis,
                                std::string_view name = "", SourceLocation location = SourceLocation::current());
// slice_grad, strided_slice_grad: zeros of `shape`, with dy where the slice was taken.
Output slice_grad(const Output& dy, const Output& begin, const Output& shape, std::string_view name = "",
                  SourceLocation location = SourceLocation::current());
Output strided_slice_grad(const Output& dy, const Output& shape, const Output& begin, const Output& end,
                          const Output& strides, const StridedSliceAttrs& attrs, std::string_view name = "",
                          SourceLocation location = SourceLocation::current());
// mirror_pad_grad: dy without the paddings, whose elements are added to those they mirror.
Output mirror_pad_grad(const Output& dy, const MirrorPadAttrs& attrs, std::string_view name = "",
                       SourceLocation location = SourceLocation::current());
// tile_grad: the sum of dy's tiles, each of `shape`.
Output tile_grad(const Output& dy, const Output& multiples, const Output& shape, std::string_view name = "",
                 SourceLocation location = SourceLocation::current());

void register_layout_ops(OpRegistry& registry);

}  // namespace gradus
