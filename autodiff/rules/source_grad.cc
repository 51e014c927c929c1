// Gradients of the source ops, and of the two identities.
#include "gradus/autodiff/register_all.h"

namespace gradus {

void register_source_gradients(GradientRegistry& registry) {
  registry.add_none("Placeholder", "it has no inputs");
  registry.add_none("Constant", "it has no inputs");
  registry.add_none("Variable", "its initial value does not take part in a run");
  for (const char* op : {"Assign", "AssignAdd", "AssignSub"}) registry.add_none(op, "it changes state");
  registry.add_none("NoOp", "it has no result");
  registry.add_none("StopGradient", "stopping the gradient is its purpose");
  registry.add("Identity", [](GradientContext& c) { c.set(0, c.grad()); });
}

}  // namespace gradus
