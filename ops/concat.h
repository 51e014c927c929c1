// Joining tensors along a dimension and cutting them again: concat, split, stack, unstack, and the gradient of concat. Any dtype.
// Semantics follow TensorFlow; page: docs/ops/concat.md.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/forward.h"

namespace gradus {

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

// The values one after another along `axis`; all other dimensions and the dtypes must agree (InvalidArgument).
Output concat(const std::vector<Output>& values, std::int64_t axis, At at = {});

// x cut along `axis` into equal pieces, or into pieces of the given sizes (one may be -1: what the others leave). Throws
// InvalidArgument when the pieces do not add up to the dimension.
std::vector<Output> split(const Output& x, std::int64_t num_splits, std::int64_t axis, At at = {});
std::vector<Output> split_sizes(const Output& x, const std::vector<std::int64_t>& sizes, std::int64_t axis, At at = {});

// Values of one shape and dtype as the slices of a tensor with one more dimension, `axis`; and back. `num` is needed only where
// the size of x's axis is unknown. Throws InvalidArgument for other shapes or dtypes among the values, an axis outside the result's
// (stack) or x's dimensions (unstack), and a num that is not the axis' size.
Output stack(const std::vector<Output>& values, std::int64_t axis = 0, At at = {});
std::vector<Output> unstack(const Output& x, std::int64_t axis = 0, std::int64_t num = -1, At at = {});

// The adjoint of concat, whose gradient is concat: dy cut along `axis` into pieces of the given shapes (int32 or int64 vectors).
std::vector<Output> concat_grad(const Output& dy, const std::vector<Output>& shapes, std::int64_t axis, At at = {});

}  // namespace gradus
