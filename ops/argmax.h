// Positions of extreme elements: argmax, argmin, in_top_k. Integer or bool results, hence no gradients.
// Page: docs/ops/argmax.md.
#pragma once

#include <cstdint>

#include "gradus/graph/forward.h"

namespace gradus {

struct ArgMaxAttrs {
  std::int64_t axis = 0;
  DType output_type = DType::kInt64;
  template <class V>
  void visit(V& v) {
    v("axis", axis, "dimension to search, negative ones from the end");
    v("output_type", output_type, "int32 or int64");
  }
};

struct InTopKAttrs {
  std::int64_t k = 1;
  template <class V>
  void visit(V& v) {
    v("k", k, "how many of the largest predictions count");
  }
};

// The index along `axis` of the largest (smallest) element: the first one of several, and of NaNs where there are any,
// as in NumPy. The result lacks that dimension. Throws InvalidArgument for an axis out of range or of size 0, or, for
// int32, of 2^31 elements or more.
Output argmax(const Output& x, std::int64_t axis, DType output_type = DType::kInt64, At at = {});
Output argmin(const Output& x, std::int64_t axis, DType output_type = DType::kInt64, At at = {});

// For each row of predictions [n,classes], whether fewer than k classes have a larger value than targets[n] (int32 or
// int64), so ties with the k-th count as in, as in TensorFlow. False for a target out of range and where the prediction
// of the target or of any class is NaN or infinite. bool [n]; its mean is the top-k accuracy.
Output in_top_k(const Output& predictions, const Output& targets, std::int64_t k, At at = {});

}  // namespace gradus
