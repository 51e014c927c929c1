// Matrix products, of floating dtypes. float16 and bfloat16 are multiplied and summed in float32. Page: docs/ops/matmul.md.
#pragma once

#include "gradus/graph/forward.h"

namespace gradus {

struct MatMulAttrs {
  bool transpose_a = false;
  bool transpose_b = false;
  template <class V>
  void visit(V& v) {
    v("transpose_a", transpose_a, "use a with its last two dimensions exchanged");
    v("transpose_b", transpose_b, "use b with its last two dimensions exchanged");
  }
};

// c = op(a) op(b), c[i,j] = sum_l op(a)[i,l] * op(b)[l,j], for a [m,k] and b [k,n]; with transpose_a, a is [k,m]; with
// transpose_b, b is [n,k]. For k = 0 the result is zero. Throws InvalidArgument for other ranks, unlike dtypes or inner
// sizes.
Output matmul(const Output& a, const Output& b, const MatMulAttrs& attrs = {}, At at = {});
// The same for every pair of matrices: a [..., m, k], b [..., k, n]; the leading dimensions broadcast as in NumPy.
Output batch_matmul(const Output& a, const Output& b, const MatMulAttrs& attrs = {}, At at = {});

}  // namespace gradus
