// Reversing twice gives x again, so the op is its own adjoint.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/reverse.h"

namespace gradus {

void register_reverse_gradients(GradientRegistry& registry) {
  registry.add("Reverse", [](GradientContext& c) { c.set(0, reverse(c.grad(), c.attrs<ReverseAttrs>().axes)); });
}

}  // namespace gradus
