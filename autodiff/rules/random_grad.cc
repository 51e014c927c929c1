#include "gradus/autodiff/register_all.h"

namespace gradus {

void register_random_gradients(GradientRegistry& registry) {
  for (const char* op : {"RandomUniform", "RandomNormal", "TruncatedNormal"}) {
    registry.add_none(op, "the values depend on no operand");
  }
}

}  // namespace gradus
