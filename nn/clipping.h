// Gradients kept to a length: by their joint norm, or one tensor at a time.
//
// A tensor's norm is computed in float64 where the tensor is, in float32 otherwise, without overflow or underflow on the way:
// gradients of 3e20 and 4e20 clipped to norm 1 are 0.6 and 0.8. What is shorter than `max_norm` keeps its bits, and its derivative
// is 1, also where it is 0. An infinite max_norm clips nothing. A norm that is infinite or NaN, because an element is, makes every
// element of the result NaN, as in TensorFlow: the mistake is seen in the first step, not hidden behind zeros. The same holds for
// a norm beyond the dtype's largest number, by itself or as a multiple of max_norm. A max_norm that is 0, negative or NaN is
// InvalidArgument.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus::nn {

// sqrt(sum of squares) of all elements of all tensors: a scalar, float64 where one of them is, else float32. Throws
// InvalidArgument for no tensors.
Output global_norm(const std::vector<Output>& tensors, SourceLocation location = SourceLocation::current());

// All tensors times min(1, max_norm / global_norm(tensors)), each in its own dtype.
std::vector<Output> clip_by_global_norm(const std::vector<Output>& tensors, double max_norm,
                                        SourceLocation location = SourceLocation::current());

// x times min(1, max_norm / norm), with the norm over `axes` (none: of all elements): clip_by_norm(x, 1, {1}) shortens the rows of
// a matrix one by one.
Output clip_by_norm(const Output& x, double max_norm, const std::vector<std::int64_t>& axes = {},
                    SourceLocation location = SourceLocation::current());

}  // namespace gradus::nn
