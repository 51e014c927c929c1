// Gradients of tile and its adjoint.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/shape_operand.h"
#include "gradus/ops/tile.h"

namespace gradus {

void register_tile_gradients(GradientRegistry& registry) {
  using C = GradientContext;
  registry.add("Tile", [](C& c) { c.set(0, tile_grad(c.grad(), c.input(1), shape_of(c.input(0)))); });
  registry.add("TileGrad", [](C& c) { c.set(0, tile(c.grad(), c.input(1))); });
}

}  // namespace gradus
