// Gradients of the lookups: gather and its adjoint, which are each other's.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/gather.h"
#include "gradus/ops/shape_ops.h"

namespace gradus {

void register_gather_gradients(GradientRegistry& registry) {
  registry.add("Gather", [](GradientContext& c) {
    c.set(0, gather_grad(c.grad(), c.input(1), shape(c.input(0)), c.attrs<GatherAttrs>().axis));
  });
  registry.add("GatherGrad",
               [](GradientContext& c) { c.set(0, gather(c.grad(), c.input(1), c.attrs<GatherAttrs>().axis)); });
  registry.add_none("OneHot", "its operand is an index");
}

}  // namespace gradus
