// Gradients of the views.
#include "gradus/ops/reshape.h"

#include "gradus/autodiff/register_all.h"

namespace gradus {

void register_reshape_gradients(GradientRegistry& registry) {
  // y has x's elements in the same order: dy goes back under x's shape.
  for (const char* op : {"Reshape", "ExpandDims", "Squeeze"}) {
    registry.add(op, [](GradientContext& c) { c.set(0, reshape_like(c.grad(), c.input(0))); });
  }
}

}  // namespace gradus
