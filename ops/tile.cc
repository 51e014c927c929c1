#include "gradus/ops/tile.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"
#include "gradus/ops/shape_operand.h"

namespace gradus {
namespace {

// multiples, checked against the rank of operand 0.
IntValues multiples_operand(ShapeContext& c) {
  IntValues multiples = vector_operand(c, 1, "multiples");
  const bool negative =
      std::any_of(multiples.begin(), multiples.end(), [](auto m) { return m < 0 && m != kUnknownValue; });
  if (negative || multiples.size() != static_cast<std::size_t>(c.input_shape(0).rank())) {
    c.fail(fmt::format("multiples must have one element >= 0 per dimension of {}; got [{}]",
                       c.input_shape(0).to_string(), fmt::join(multiples, ",")));
  }
  return multiples;
}

void tile_shape(ShapeContext& c) {
  const IntValues multiples = multiples_operand(c);
  Shape result = c.input_shape(0);
  for (int i = 0; i < result.rank(); ++i) {
    const std::int64_t m = multiples[static_cast<std::size_t>(i)];
    std::int64_t size = kUnknownDim;
    if (m == 0 || result[i] == 0)
      size = 0;
    else if (m != kUnknownValue && result[i] != kUnknownDim && !checked_multiply(m, result[i], &size)) {
      c.fail(fmt::format("dimension {} of {} times {} does not fit in 63 bits", i, result.to_string(), m));
    }
    result.set_dim(i, size);
  }
  c.set_output(0, c.input_dtype(0), result);
}

// The shape is an operand, because with a multiple of 0 it could not be told from dy.
void tile_grad_shape(ShapeContext& c) {
  const IntValues multiples = multiples_operand(c);
  Shape result = shape_operand(c, 2, "shape");
  const Shape& dy = c.input_shape(0);
  bool fits = result.rank() == dy.rank();
  for (int i = 0; fits && i < dy.rank(); ++i) {
    const std::int64_t m = multiples[static_cast<std::size_t>(i)];
    if (m == kUnknownValue || dy[i] == kUnknownDim) continue;
    if (result[i] == kUnknownDim) {
      fits = m == 0 ? dy[i] == 0 : dy[i] % m == 0;
      if (fits && m > 0) result.set_dim(i, dy[i] / m);
    } else {
      std::int64_t tiled = 0;
      fits = checked_multiply(m, result[i], &tiled) && tiled == dy[i];
    }
  }
  if (!fits) {
    c.fail(fmt::format("dy must have the tiled shape; got {} for shape {} times [{}]", dy.to_string(),
                       result.to_string(), fmt::join(multiples, ",")));
  }
  c.set_output(0, c.input_dtype(0), result);
}

}  // namespace

Output tile(const Output& x, const Output& multiples, At at) { return add_op("Tile", {x, multiples}, {}, at); }
Output tile(const Output& x, const std::vector<std::int64_t>& multiples, At at) {
  const Caller caller{"Tile", at};
  return tile(x, sizes_constant(caller, graph_of(caller, "x", x), multiples, "multiples"), at);
}

Output tile_grad(const Output& dy, const Output& multiples, const Output& shape, At at) {
  return add_op("TileGrad", {dy, multiples, shape}, {}, at);
}

void register_tile_ops(OpRegistry& registry) {
  registry.add(def("Tile", {"x", "multiples"}, {"y"}, tile_shape, "x repeated along each dimension.").host({1}));
  registry.add(def("TileGrad", {"dy", "multiples", "shape"}, {"dx"}, tile_grad_shape,
                   "The sum of dy's tiles, each of the given shape.")
                   .host({1, 2}));
}

}  // namespace gradus
