// Tensors of a given shape: zeros_like, ones_like, fill, broadcast_to, range. Semantics follow TensorFlow; page:
// docs/ops/fill.md.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/forward.h"

namespace gradus {

// Zeros (false) and ones (true) of x's shape and dtype. The result does not depend on x's values: gradient zero.
Output zeros_like(const Output& x, At at = {});
Output ones_like(const Output& x, At at = {});

// A tensor of shape `dims` (int32 or int64 vector), every element the scalar `value`, of its dtype. d value = the sum of dy. Throws
// InvalidArgument for negative sizes or a value that is no scalar.
Output fill(const Output& dims, const Output& value, At at = {});
Output fill(const std::vector<std::int64_t>& dims, const Output& value, At at = {});

// x repeated along missing leading dimensions and dimensions of size 1, by NumPy's rule, to the shape `target`.
// dx = sum_to_shape(dy, shape(x)). Throws InvalidArgument naming both shapes when x does not broadcast to it.
Output broadcast_to(const Output& x, const Output& target, At at = {});
Output broadcast_to(const Output& x, const std::vector<std::int64_t>& target, At at = {});

// start, start + delta, ... while below `limit` (above it for a negative delta), as a vector. Scalars of one dtype, int32 or
// int64; cast the result for others. Throws InvalidArgument for delta 0. No gradient.
Output range(const Output& start, const Output& limit, const Output& delta, At at = {});
// The same of known int32 numbers.
Output range(Graph& graph, std::int32_t start, std::int32_t limit, std::int32_t delta = 1, At at = {});

}  // namespace gradus
