// Asking for shapes: shape, size, rank. Semantics follow TensorFlow; page: docs/ops/shape_ops.md. Shapes and sizes are followed as
// values while the graph is built, so that reshape(x, concat({strided_slice(shape(x), {0}, {1}), ...})) has a static shape as far as
// one exists.
#pragma once

#include "gradus/graph/forward.h"

namespace gradus {

// The shape of x, any dtype, as an int32 vector of length rank(x). No gradient.
Output shape(const Output& x, At at = {});
// The number of elements of x as an int32 scalar. No gradient.
Output size(const Output& x, At at = {});
// The number of dimensions of x as an int32 scalar. No gradient.
Output rank(const Output& x, At at = {});

}  // namespace gradus
