// Shapes have no gradient.
#include "gradus/autodiff/register_all.h"

namespace gradus {

void register_shape_gradients(GradientRegistry& registry) {
  for (const char* op : {"Shape", "Size", "Rank"})
    registry.add_none(op, "the result depends on the operand's shape, not on its values");
}

}  // namespace gradus
