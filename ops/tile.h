// A tensor repeated along its dimensions, and the gradient. Semantics follow TensorFlow's tf.tile; page: docs/ops/tile.md.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/forward.h"

namespace gradus {

// x repeated multiples[i] times along dimension i. `multiples` is an int32 or int64 vector, one element >= 0 per dimension
// (InvalidArgument otherwise). The gradient is tile_grad.
Output tile(const Output& x, const Output& multiples, At at = {});
Output tile(const Output& x, const std::vector<std::int64_t>& multiples, At at = {});

// The adjoint of tile, whose gradient is tile: the sum of dy's tiles, each of `shape`.
Output tile_grad(const Output& dy, const Output& multiples, const Output& shape, At at = {});

}  // namespace gradus
