// Registers every op definition. Explicit calls, because static registrars vanish from static libraries.
#pragma once

#include "gradus/graph/op_registry.h"

namespace gradus {

#define GRADUS_FAMILY(x) void register_##x##_ops(OpRegistry& registry);
#include "gradus/ops/families.def"

void register_all_ops(OpRegistry& registry);

}  // namespace gradus
