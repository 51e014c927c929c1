// Gradients of what makes tensors of a given shape.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/reduction.h"

namespace gradus {

void register_fill_gradients(GradientRegistry& registry) {
  for (const char* op : {"ZerosLike", "OnesLike"})
    registry.add_none(op, "the result depends on the operand's shape, not on its values");
  registry.add_none("Range", "its operands and result are integers");
  registry.add("Fill", [](GradientContext& c) { c.set(1, sum_to_shape_of(c.grad(), c.input(1))); });
  registry.add("BroadcastTo", [](GradientContext& c) { c.set(0, sum_to_shape_of(c.grad(), c.input(0))); });
}

}  // namespace gradus
