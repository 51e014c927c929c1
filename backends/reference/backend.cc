// The reference backend: the plainest possible loops, any dtype, float64 accumulation, no threads.
#include "gradus/backends/common/kernels.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/backends/register.h"

namespace gradus {

void register_reference_backend(BackendRegistry& backends, KernelRegistry& kernels) {
  backends.add({.type = "ref",
                .description = "plain loops with float64 accumulation, one thread: the oracle",
                .rank = 0,
                .list =
                    [] {
                      return std::vector<DeviceInfo>{{{"ref", 0}, "1 thread"}};
                    },
                .missing = [] { return std::string(); },
                .create = [](int index, const DeviceOptions&) -> std::unique_ptr<Device> {
                  return std::make_unique<HostDevice>(DeviceName{"ref", index}, nullptr);
                }});
  common::register_source_kernels(kernels, reference::kDevice);
  reference::register_shape_kernels(kernels);
  reference::register_layout_kernels(kernels);
  reference::register_indexing_kernels(kernels);
  reference::register_unary_kernels(kernels);
  reference::register_binary_kernels(kernels);
  reference::register_compare_kernels(kernels);
  reference::register_reduction_kernels(kernels);
  reference::register_matmul_kernels(kernels);
  reference::register_argmax_kernels(kernels);
  common::register_debug_kernels(kernels, reference::kDevice);
  reference::register_conv2d_kernels(kernels);
  reference::register_optimizer_update_kernels(kernels);
  reference::register_random_kernels(kernels);
  reference::register_batch_norm_kernels(kernels);
  reference::register_softmax_kernels(kernels);
  reference::register_bias_add_kernels(kernels);
  reference::register_pooling_kernels(kernels);
  reference::register_reverse_kernels(kernels);
  reference::register_sigmoid_cross_entropy_kernels(kernels);
}

}  // namespace gradus
