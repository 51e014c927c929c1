// The same elements under another shape, without moving data: reshape, expand_dims, squeeze. Any dtype. Semantics follow TensorFlow;
// page: docs/ops/reshape.md.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/forward.h"

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

// The elements of x, in row-major order, under another shape; no data moves. `target` is an int32 or int64 vector of known
// length whose element count is x's; one of its elements may be -1 and then follows from the others. Throws InvalidArgument
// when the counts differ, for a second -1, for other negative sizes, and for a -1 beside a size of 0.
Output reshape(const Output& x, const Output& target, At at = {});
Output reshape(const Output& x, const std::vector<std::int64_t>& target, At at = {});
// x under the shape of `like`, which has as many elements (InvalidArgument otherwise) and may be of another dtype; x itself where
// the shapes are known to be equal.
Output reshape_like(const Output& x, const Output& like, At at = {});

// x, any dtype, with a dimension of size 1 put before dimension `axis` (negative: counted from the end of the result). Throws
// InvalidArgument unless axis is -rank-1 to rank, and for a result of more than 8 dimensions.
Output expand_dims(const Output& x, std::int64_t axis, At at = {});
// x without the given dimensions, which must have size 1 (InvalidArgument otherwise); without `axes`, without all
// dimensions of size 1, for which x's static shape must be fully known.
Output squeeze(const Output& x, const std::vector<std::int64_t>& axes = {}, At at = {});

}  // namespace gradus
