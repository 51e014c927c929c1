// All that the rest of Gradus knows of its backends: one function each, which registers a device type and its kernels.
#pragma once

#include "gradus/core/kernel.h"

namespace gradus {

void register_reference_backend(BackendRegistry& backends, KernelRegistry& kernels);
void register_cpu_backend(BackendRegistry& backends, KernelRegistry& kernels);
void register_cuda_backend(BackendRegistry& backends, KernelRegistry& kernels);

}  // namespace gradus
