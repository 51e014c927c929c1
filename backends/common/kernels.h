// Kernels for tensors in host memory that are the same on every backend that computes there: they move bytes, count, draw or print, so
// that a plain and a fast version would not differ. A backend calls these functions with its own device type.
#pragma once

#include "gradus/core/kernel.h"

namespace gradus::common {

// Identity, StopGradient, CustomGradient; Assign, AssignAdd, AssignSub.
void register_source_kernels(KernelRegistry& kernels, const char* device_type);
// Shape, Size, Rank; Reshape, ExpandDims, Squeeze.
void register_view_kernels(KernelRegistry& kernels, const char* device_type);
// RandomUniform, RandomNormal, TruncatedNormal.
void register_sampling_kernels(KernelRegistry& kernels, const char* device_type);
// CheckNumerics, Print.
void register_debug_kernels(KernelRegistry& kernels, const char* device_type);

}  // namespace gradus::common
