#include "gradus/autodiff/register_all.h"

namespace gradus {

void register_optimizer_update_gradients(GradientRegistry& registry) {
  for (const char* op : {"ApplyGradientDescent", "ApplyMomentum", "ApplyRMSProp", "ApplyAdam"}) {
    registry.add_none(op, "changes the session's state; differentiate what is computed before the update");
  }
}

}  // namespace gradus
