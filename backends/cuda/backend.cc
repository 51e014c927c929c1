// The CUDA backend: GPUs of NVIDIA.
#include "gradus/backends/cuda/device.h"
#include "gradus/backends/register.h"

namespace gradus {
namespace cuda {

void register_source_kernels(KernelRegistry& kernels);
void register_custom_gradient_kernels(KernelRegistry& kernels);
void register_shape_kernels(KernelRegistry& kernels);
void register_reshape_kernels(KernelRegistry& kernels);
void register_fill_kernels(KernelRegistry& kernels);
void register_conv2d_kernels(KernelRegistry& kernels);
void register_unary_kernels(KernelRegistry& kernels);
void register_binary_kernels(KernelRegistry& kernels);
void register_reduction_kernels(KernelRegistry& kernels);
void register_optimizer_update_kernels(KernelRegistry& kernels);
void register_softmax_kernels(KernelRegistry& kernels);
void register_compare_kernels(KernelRegistry& kernels);
void register_matmul_kernels(KernelRegistry& kernels);
void register_transpose_kernels(KernelRegistry& kernels);
void register_concat_kernels(KernelRegistry& kernels);
void register_slice_kernels(KernelRegistry& kernels);
void register_pad_kernels(KernelRegistry& kernels);
void register_tile_kernels(KernelRegistry& kernels);
void register_bias_add_kernels(KernelRegistry& kernels);
void register_pooling_kernels(KernelRegistry& kernels);
void register_reverse_kernels(KernelRegistry& kernels);
void register_sigmoid_cross_entropy_kernels(KernelRegistry& kernels);
void register_batch_norm_kernels(KernelRegistry& kernels);
void register_gather_kernels(KernelRegistry& kernels);
void register_argmax_kernels(KernelRegistry& kernels);

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
  cuda::register_fill_kernels(kernels);
  cuda::register_conv2d_kernels(kernels);
  cuda::register_unary_kernels(kernels);
  cuda::register_binary_kernels(kernels);
  cuda::register_reduction_kernels(kernels);
  cuda::register_optimizer_update_kernels(kernels);
  cuda::register_softmax_kernels(kernels);
  cuda::register_compare_kernels(kernels);
  cuda::register_matmul_kernels(kernels);
  cuda::register_transpose_kernels(kernels);
  cuda::register_concat_kernels(kernels);
  cuda::register_slice_kernels(kernels);
  cuda::register_pad_kernels(kernels);
  cuda::register_tile_kernels(kernels);
  cuda::register_bias_add_kernels(kernels);
  cuda::register_pooling_kernels(kernels);
  cuda::register_reverse_kernels(kernels);
  cuda::register_sigmoid_cross_entropy_kernels(kernels);
  cuda::register_batch_norm_kernels(kernels);
  cuda::register_gather_kernels(kernels);
  cuda::register_argmax_kernels(kernels);
}

}  // namespace gradus
