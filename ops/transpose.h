// Permuting dimensions. Any dtype. As TensorFlow's tf.transpose; page: docs/ops/transpose.md.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/forward.h"

namespace gradus {

struct TransposeAttrs {
  std::vector<std::int64_t> perm;
  template <class V>
  void visit(V& v) {
    v("perm", perm, "dimension i of the result is dimension perm[i] of x; empty reverses the dimensions");
  }
};

// y[i_perm[0], i_perm[1], ...] = x[i_0, i_1, ...]. Without perm the dimensions are reversed (a matrix is transposed).
// Throws InvalidArgument unless perm is a permutation of 0..rank-1.
Output transpose(const Output& x, const std::vector<std::int64_t>& perm = {}, At at = {});

}  // namespace gradus
