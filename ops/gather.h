// Ops that look elements up by index: gather, its gradient op, and one_hot. Semantics follow TensorFlow; page:
// docs/ops/gather.md.
#pragma once

#include <cstdint>

#include "gradus/graph/forward.h"

namespace gradus {

struct GatherAttrs {
  std::int64_t axis = 0;
  template <class V>
  void visit(V& v) {
    v("axis", axis, "dimension of params that the indices look into");
  }
};

struct OneHotAttrs {
  std::int64_t depth = 0;
  std::int64_t axis = -1;
  Number on_value = 1;
  Number off_value = 0;
  DType dtype = DType::kFloat32;
  template <class V>
  void visit(V& v) {
    v("depth", depth, "size of the new dimension");
    v("axis", axis, "where the new dimension goes, -rank-1 to rank of indices");
    v("on_value", on_value, "value at the index");
    v("off_value", off_value, "value everywhere else");
    v("dtype", dtype, "element type of the result");
  }
};

// The slices of params, any dtype, at `indices` (int32 or int64, any shape) along `axis`:
//   y[a..., i..., b...] = params[a..., indices[i...], b...]
// with shape params.shape[:axis] + indices.shape + params.shape[axis+1:]. An index outside [0, params.shape[axis]) is an
// OutOfRange error of the run, which names the position and the value. dparams = gather_grad(dy).
Output gather(const Output& params, const Output& indices, std::int64_t axis = 0, At at = {});

// The adjoint of gather: zeros of `shape` (an int32 or int64 vector), to which every slice of dy is added at its index. An
// index that occurs several times receives the sum. Throws InvalidArgument unless dy's shape is that of gather(params of `shape`,
// indices, axis); an index outside is OutOfRange when the graph runs.
Output gather_grad(const Output& dy, const Output& indices, const Output& shape, std::int64_t axis = 0, At at = {});

// A new dimension of size `depth` at `axis`, in which the position of each index (uint8, int32 or int64) has on_value and the
// others off_value. An index outside [0, depth) gives off_value everywhere. No gradient. Throws InvalidArgument for values that
// attrs.dtype does not hold (core/number.h).
Output one_hot(const Output& indices, const OneHotAttrs& attrs, At at = {});
Output one_hot(const Output& indices, std::int64_t depth, DType dtype = DType::kFloat32, At at = {});

}  // namespace gradus
