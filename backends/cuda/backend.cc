// The CUDA backend: GPUs of NVIDIA.
#include "gradus/backends/cuda/device.h"
#include "gradus/backends/register.h"

namespace gradus {
namespace cuda {

void register_source_kernels(KernelRegistry& kernels);
void register_custom_gradient_kernels(KernelRegistry& kernels);
void register_shape_kernels(KernelRegistry& kernels);
void register_reshape_kernels(KernelRegistry& kernels);
void register_unary_kernels(KernelRegistry& kernels);
void register_binary_kernels(KernelRegistry& kernels);
void register_compare_kernels(KernelRegistry& kernels);

}  // namespace cuda

void register_cuda_backend(BackendRegistry& backends, KernelRegistry& kernels) {
  backends.add({.type = "cuda",
                .description = "GPU through CUDA",
                .rank = -1,  // not chosen by itself while ops have no kernels here
                .list = cuda::list_devices,
                .missing = cuda::what_is_missing,
                .create = [](int index, const DeviceOptions& options) -> std::unique_ptr<Device> {
                  return std::make_unique<cuda::CudaDevice>(index, options);
                }});
  cuda::register_source_kernels(kernels);
  cuda::register_custom_gradient_kernels(kernels);
  cuda::register_shape_kernels(kernels);
  cuda::register_reshape_kernels(kernels);
  cuda::register_unary_kernels(kernels);
  cuda::register_binary_kernels(kernels);
  cuda::register_compare_kernels(kernels);
}

}  // namespace gradus
