#include "gradus/ops/register_all.h"

namespace gradus {

void register_all_ops(OpRegistry& registry) {
#define GRADUS_FAMILY(x) register_##x##_ops(registry);
#include "gradus/ops/families.def"
}

}  // namespace gradus
