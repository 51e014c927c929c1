// Kernels for tensors in host memory that are the same on every backend that computes there: they move bytes, count, draw or print, so
// that a plain and a fast version would not differ. A backend calls these functions with its own device type.
#pragma once

#include "gradus/core/kernel.h"

namespace gradus::common {

// Whole families.
void register_source_kernels(KernelRegistry& kernels, const char* device_type);
void register_custom_gradient_kernels(KernelRegistry& kernels, const char* device_type);
void register_shape_kernels(KernelRegistry& kernels, const char* device_type);
void register_reshape_kernels(KernelRegistry& kernels, const char* device_type);
void register_debug_kernels(KernelRegistry& kernels, const char* device_type);
// RandomUniform, RandomNormal, TruncatedNormal.
void register_sampling_kernels(KernelRegistry& kernels, const char* device_type);

}  // namespace gradus::common
