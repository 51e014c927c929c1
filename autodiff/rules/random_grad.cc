#include "gradus/autodiff/register_all.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/source_ops.h"

namespace gradus {

void register_random_gradients(GradientRegistry& registry) {
  for (const char* op : {"RandomUniform", "RandomNormal", "TruncatedNormal"}) {
    registry.add_none(op, "the values depend on no operand");
  }
  // Dropout is linear in x for a given mask; the mask does not depend on x.
  registry.add("Dropout", [](GradientContext& c) {
    if (c.grad(0).valid()) c.set(0, c.grad(0) * stop_gradient(c.output(1)));
  });
}

}  // namespace gradus
