// Ops about shapes: asking for them (shape, size, rank), changing them without moving data (reshape, expand_dims, squeeze),
// and making tensors of a given shape (zeros_like, ones_like, fill, broadcast_to, range). Semantics follow TensorFlow;
// page: docs/ops/shape_ops.md. Shapes and sizes are followed as values while the graph is built, so that
// reshape(x, concat({strided_slice(shape(x), {0}, {1}), ...})) has a static shape as far as one exists.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus {

struct ExpandDimsAttrs {
  std::int64_t axis = 0;
  template <class V>
  void visit(V& v) {
    v("axis", axis, "where the new dimension of size 1 goes, -rank-1 to rank");
  }
};

struct SqueezeAttrs {
  std::vector<std::int64_t> axes;
  template <class V>
  void visit(V& v) {
    v("axes", axes, "dimensions of size 1 to remove; empty removes every dimension of size 1");
  }
};

// The shape of x, any dtype, as an int32 vector of length rank(x). No gradient.
Output shape(const Output& x, std::string_view name = "", SourceLocation location = SourceLocation::current());
// The number of elements of x as an int32 scalar. No gradient.
Output size(const Output& x, std::string_view name = "", SourceLocation location = SourceLocation::current());
// The number of dimensions of x as an int32 scalar. No gradient.
Output rank(const Output& x, std::string_view name = "", SourceLocation location = SourceLocation::current());

// The elements of x, in row-major order, under another shape; no data moves. `target` is an int32 or int64 vector of known
// length whose element count is x's; one of its elements may be -1 and then follows from the others. Throws InvalidArgument
// when the counts differ, for a second -1, for other negative sizes, and for a -1 beside a size of 0.
Output reshape(const Output& x, const Output& target, std::string_view name = "",
               SourceLocation location = SourceLocation::current());
Output reshape(const Output& x, const std::vector<std::int64_t>& target, std::string_view name = "",
               SourceLocation location = SourceLocation::current());
// x under the shape of `like`, which has as many elements (InvalidArgument otherwise) and may be of another dtype; x itself where
// the shapes are known to be equal.
Output reshape_like(const Output& x, const Output& like, std::string_view name = "",
                    SourceLocation location = SourceLocation::current());

// x, any dtype, with a dimension of size 1 put before dimension `axis` (negative: counted from the end of the result). Throws
// InvalidArgument unless axis is -rank-1 to rank, and for a result of more than 8 dimensions.
Output expand_dims(const Output& x, std::int64_t axis, std::string_view name = "",
                   SourceLocation location = SourceLocation::current());
// x without the given dimensions, which must have size 1 (InvalidArgument otherwise); without `axes`, without all
// dimensions of size 1, for which x's static shape must be fully known.
Output squeeze(const Output& x, const std::vector<std::int64_t>& axes = {}, std::string_view name = "",
               SourceLocation location = SourceLocation::current());

// Zeros (false) and ones (true) of x's shape and dtype. The result does not depend on x's values: gradient zero.
Output zeros_like(const Output& x, std::string_view name = "", SourceLocation location = SourceLocation::current());
Output ones_like(const Output& x, std::string_view name = "", SourceLocation location = SourceLocation::current());

// A tensor of shape `dims` (int32 or int64 vector), every element the scalar `value`, of its dtype. d value = the sum of dy. Throws
// InvalidArgument for negative sizes or a value that is no scalar.
Output fill(const Output& dims, const Output& value, std::string_view name = "",
            SourceLocation location = SourceLocation::current());
Output fill(const std::vector<std::int64_t>& dims, const Output& value, std::string_view name = "",
            SourceLocation location = SourceLocation::current());

// x repeated along missing leading dimensions and dimensions of size 1, by NumPy's rule, to the shape `target`.
// dx = sum_to_shape(dy, shape(x)). Throws InvalidArgument naming both shapes when x does not broadcast to it.
Output broadcast_to(const Output& x, const Output& target, std::string_view name = "",
                    SourceLocation location = SourceLocation::current());
Output broadcast_to(const Output& x, const std::vector<std::int64_t>& target, std::string_view name = "",
                    SourceLocation location = SourceLocation::current());

// start, start + delta, ... while below `limit` (above it for a negative delta), as a vector. Scalars of one dtype, int32 or
// int64; cast the result for others. Throws InvalidArgument for delta 0. No gradient.
Output range(const Output& start, const Output& limit, const Output& delta, std::string_view name = "",
             SourceLocation location = SourceLocation::current());
// The same of known int32 numbers.
Output range(Graph& graph, std::int32_t start, std::int32_t limit, std::int32_t delta = 1, std::string_view name = "",
             SourceLocation location = SourceLocation::current());

void register_shape_ops(OpRegistry& registry);

}  // namespace gradus
