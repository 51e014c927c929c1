// Gradients of the ops about shapes.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/shape_ops.h"

namespace gradus {
namespace {

// y has x's elements in the same order: dy goes back under x's shape.
void view_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, reshape_like(c.grad(), c.input(0)));
}

void sum_gradient(GradientContext& c, int i) {
  if (c.needs(i)) c.set(i, sum_to_shape_of(c.grad(), c.input(i)));
}

}  // namespace

void register_shape_gradients(GradientRegistry& registry) {
  for (const char* op : {"Shape", "Size", "Rank", "ZerosLike", "OnesLike"}) {
    registry.add_none(op, "the result depends on the operand's shape, not on its values");
  }
  registry.add_none("Range", "its operands and result are integers");
  for (const char* op : {"Reshape", "ExpandDims", "Squeeze"}) registry.add(op, view_gradient);
  registry.add("Fill", [](GradientContext& c) { sum_gradient(c, 1); });
  registry.add("BroadcastTo", [](GradientContext& c) { sum_gradient(c, 0); });
}

}  // namespace gradus
