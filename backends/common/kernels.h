// Kernels for tensors in host memory that are the same on every backend that computes there: they move bytes, count, draw or print, so
// that a plain and a fast version would not differ. A backend calls these functions with its own device type.
#pragma once

#include "gradus/core/kernel.h"

namespace gradus::common {

// Whole families.
#define GRADUS_HOST_FAMILY(x) void register_##x##_kernels(KernelRegistry& kernels, const char* device_type);
#define GRADUS_FAMILY(x)
#include "gradus/ops/families.def"
// RandomUniform, RandomNormal, TruncatedNormal.
void register_sampling_kernels(KernelRegistry& kernels, const char* device_type);

}  // namespace gradus::common
