// Reverse: x with some of its dimensions running backwards (tf.reverse). Page: docs/ops/reverse.md.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/forward.h"

namespace gradus {

struct ReverseAttrs {
  std::vector<std::int64_t> axes;
  template <class V>
  void visit(V& v) {
    v("axes", axes, "dimensions that run backwards, negative ones from the end; empty leaves x as it is");
  }
};

// y[..., i, ...] = x[..., size - 1 - i, ...] along each of `axes`. Any dtype; the shape of x. dx = reverse(dy, axes). Throws
// InvalidArgument for an axis out of range or named twice.
Output reverse(const Output& x, const std::vector<std::int64_t>& axes, At at = {});

}  // namespace gradus
