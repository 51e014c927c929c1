#include "gradus/autodiff/register_all.h"

namespace gradus {

void register_all_gradients(GradientRegistry& registry) {
#define GRADUS_FAMILY(x) register_##x##_gradients(registry);
#include "gradus/ops/families.def"
}

}  // namespace gradus
