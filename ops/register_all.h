// Registers every op definition. Explicit calls, because static registrars vanish from static libraries.
#pragma once

#include "gradus/graph/op_registry.h"

namespace gradus {

void register_all_ops(OpRegistry& registry);

}  // namespace gradus
