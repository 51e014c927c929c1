#include "gradus/autodiff/register_all.h"

namespace gradus {

void register_argmax_gradients(GradientRegistry& registry) {
  registry.add_none("ArgMax", "its result is an index");
  registry.add_none("ArgMin", "its result is an index");
  registry.add_none("InTopK", "its result is bool");
}

}  // namespace gradus
