// The reference backend: the plainest possible loops, any dtype, float64 accumulation, no threads.
#include "gradus/backends/common/kernels.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/backends/register.h"

namespace gradus {
namespace reference {

// The op families. Each function is in the file of its family and registers that family's kernels.
using Family = void(KernelRegistry&);
Family register_unary_kernels, register_binary_kernels, register_compare_kernels, register_reduction_kernels,
    register_matmul_kernels, register_argmax_kernels, register_shape_kernels, register_layout_kernels,
    register_indexing_kernels, register_conv2d_kernels, register_optimizer_update_kernels, register_random_kernels,
    register_batch_norm_kernels, register_softmax_kernels, register_bias_add_kernels, register_pooling_kernels,
    register_reverse_kernels, register_sigmoid_cross_entropy_kernels;

void register_families(KernelRegistry& kernels) {
  const auto add = [&](auto*... families) { (families(kernels), ...); };
  add(register_unary_kernels, register_binary_kernels, register_compare_kernels, register_reduction_kernels,
      register_matmul_kernels, register_argmax_kernels, register_shape_kernels, register_layout_kernels,
      register_indexing_kernels, register_conv2d_kernels, register_optimizer_update_kernels, register_random_kernels,
      register_batch_norm_kernels, register_softmax_kernels, register_bias_add_kernels, register_pooling_kernels,
      register_reverse_kernels, register_sigmoid_cross_entropy_kernels);
  const auto add_shared = [&](auto*... families) { (families(kernels, kDevice), ...); };
  add_shared(common::register_source_kernels, common::register_view_kernels, common::register_sampling_kernels,
             common::register_debug_kernels);
}

}  // namespace reference

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
  reference::register_families(kernels);
}

}  // namespace gradus
