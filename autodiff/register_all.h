// Registers every gradient rule; one function per op family, each in autodiff/rules/<family>_grad.cc.
#pragma once

#include "gradus/autodiff/gradient_registry.h"

namespace gradus {

#define GRADUS_FAMILY(x) void register_##x##_gradients(GradientRegistry& registry);
#include "gradus/ops/families.def"

void register_all_gradients(GradientRegistry& registry);

}  // namespace gradus
