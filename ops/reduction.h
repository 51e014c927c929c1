// Reductions over axes, and the sums that undo broadcasting. Page: docs/ops/reduction.md.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/forward.h"

namespace gradus {

struct ReductionAttrs {
  std::vector<std::int64_t> axes;
  bool keep_dims = false;
  template <class V>
  void visit(V& v) {
    v("axes", axes, "dimensions to reduce, negative ones from the end; none means all");
    v("keep_dims", keep_dims, "keep the reduced dimensions, with size 1");
  }
};

// Sum, mean, largest, smallest element and product over `axes` (negative ones count from the end; an empty list means
// all of them), of x's dtype. Sums of all dtypes but float64 are exact to about a rounding of the result, in an order that
// depends on the shape alone. Mean needs a floating dtype; integer sums and products wrap. NaN gives NaN. Over no
// elements the results are 0, NaN, -inf, +inf and 1 (integers: the ends of their range). Ties in reduce_max and
// reduce_min share the gradient evenly. Throws InvalidArgument for an axis out of range or named twice.
Output reduce_sum(const Output& x, const std::vector<std::int64_t>& axes = {}, bool keep_dims = false, At at = {});
Output reduce_mean(const Output& x, const std::vector<std::int64_t>& axes = {}, bool keep_dims = false, At at = {});
Output reduce_max(const Output& x, const std::vector<std::int64_t>& axes = {}, bool keep_dims = false, At at = {});
Output reduce_min(const Output& x, const std::vector<std::int64_t>& axes = {}, bool keep_dims = false, At at = {});
Output reduce_prod(const Output& x, const std::vector<std::int64_t>& axes = {}, bool keep_dims = false, At at = {});

// sqrt(sum(x^2)) over `axes`, the Euclidean (2-) norm, of floating dtypes; 0 over no elements. No square overflows or vanishes on
// the way: the norm of {3e200, 4e200} is 5e200. dx = dy * x / y, and 0 where y is 0. Errors as above.
Output reduce_euclidean_norm(const Output& x, const std::vector<std::int64_t>& axes = {}, bool keep_dims = false,
                             At at = {});

// sum(x^2) / 2, a scalar.
Output l2_loss(const Output& x, At at = {});

// Sums x over the dimensions in which `shape` (int32 or int64 vector) was broadcast to x's shape: the gradient of a
// broadcast. Throws InvalidArgument when `shape` does not broadcast to x's.
Output sum_to_shape(const Output& x, const Output& shape, At at = {});
// x summed to the shape of `like`; x itself where both shapes are known to be equal.
Output sum_to_shape_of(const Output& x, const Output& like, At at = {});

// The distinct axes in 0..rank-1, ascending; all of them for an empty list. Throws InvalidArgument.
std::vector<int> reduced_axes(const std::vector<std::int64_t>& axes, int rank);

}  // namespace gradus
