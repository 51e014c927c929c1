// Gradients of tile and its adjoint.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/shape_operand.h"
#include "gradus/ops/tile.h"

namespace gradus {
namespace {

void tile_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, tile_grad(c.grad(), c.input(1), shape_of(c.input(0))));
}

void tile_grad_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, tile(c.grad(), c.input(1)));
}

}  // namespace

void register_tile_gradients(GradientRegistry& registry) {
  registry.add("Tile", tile_gradient);
  registry.add("TileGrad", tile_grad_gradient);
}

}  // namespace gradus
