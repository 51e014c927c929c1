// The CUDA backend: GPUs of NVIDIA.
#include "gradus/backends/cuda/device.h"
#include "gradus/backends/register.h"

namespace gradus {
namespace cuda {

#define GRADUS_FAMILY(x) void register_##x##_kernels(KernelRegistry& kernels);
#include "gradus/ops/families.def"

void register_families(KernelRegistry& kernels) {
#define GRADUS_FAMILY(x) register_##x##_kernels(kernels);
#include "gradus/ops/families.def"
}

}  // namespace cuda

void register_cuda_backend(BackendRegistry& backends, KernelRegistry& kernels) {
  backends.add({.type = "cuda",
                .description = "GPU through CUDA",
                .rank = -1,  // not chosen by itself while no GPU has run it
                .list = cuda::list_devices,
                .missing = cuda::what_is_missing,
                .create = [](int index, const DeviceOptions& options) -> std::unique_ptr<Device> {
                  return std::make_unique<cuda::CudaDevice>(index, options);
                },
                .details = cuda::software});
  cuda::register_families(kernels);
}

}  // namespace gradus
