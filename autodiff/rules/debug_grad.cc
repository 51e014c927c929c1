#include "gradus/autodiff/register_all.h"
#include "gradus/ops/debug.h"

namespace gradus {

void register_debug_gradients(GradientRegistry& registry) {
  registry.add("CheckNumerics", [](GradientContext& c) {
    c.set(0, check_numerics(c.grad(), "gradient of " + c.node().name() + ": " + c.attrs<CheckNumericsAttrs>().message));
  });
  registry.add("Print", [](GradientContext& c) { c.set(0, c.grad()); });
}

}  // namespace gradus
