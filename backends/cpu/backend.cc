// The CPU backend: Eigen and our own kernels, parallel on the session's threads.
#include <string>
#include <thread>

#include "gradus/backends/common/kernels.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/register.h"

namespace gradus {
namespace cpu {

// The op families. Each function is in the file of its family and registers that family's kernels.
using Family = void(KernelRegistry&);
Family register_unary_kernels, register_binary_kernels, register_compare_kernels, register_reduction_kernels,
    register_matmul_kernels, register_argmax_kernels, register_shape_kernels, register_layout_kernels,
    register_layout_sum_kernels, register_indexing_kernels, register_conv2d_kernels, register_optimizer_update_kernels,
    register_random_kernels, register_batch_norm_kernels, register_softmax_kernels, register_bias_add_kernels,
    register_pooling_kernels, register_reverse_kernels, register_sigmoid_cross_entropy_kernels;

void register_families(KernelRegistry& kernels) {
  const auto add = [&](auto*... families) { (families(kernels), ...); };
  add(register_unary_kernels, register_binary_kernels, register_compare_kernels, register_reduction_kernels,
      register_matmul_kernels, register_argmax_kernels, register_shape_kernels, register_layout_kernels,
      register_layout_sum_kernels, register_indexing_kernels, register_conv2d_kernels,
      register_optimizer_update_kernels, register_random_kernels, register_batch_norm_kernels, register_softmax_kernels,
      register_bias_add_kernels, register_pooling_kernels, register_reverse_kernels,
      register_sigmoid_cross_entropy_kernels);
  const auto add_shared = [&](auto*... families) { (families(kernels, kDevice), ...); };
  add_shared(common::register_source_kernels, common::register_view_kernels, common::register_sampling_kernels,
             common::register_debug_kernels);
}

}  // namespace cpu
namespace {

// What a processor must have to run this build, which GRADUS_NATIVE decides.
#if defined(__AVX512F__)
constexpr const char* kInstructions = "processors with AVX-512";
#elif defined(__AVX2__)
constexpr const char* kInstructions = "processors with AVX2";
#elif defined(__AVX__)
constexpr const char* kInstructions = "processors with AVX";
#else
constexpr const char* kInstructions = "every processor of this architecture";
#endif

}  // namespace

void register_cpu_backend(BackendRegistry& backends, KernelRegistry& kernels) {
  backends.add({.type = "cpu",
                .description = std::string("Eigen and own kernels on a thread pool, compiled for ") + kInstructions,
                .rank = 10,
                .list =
                    [] {
                      const std::string threads = std::to_string(std::thread::hardware_concurrency());
                      std::vector<DeviceInfo> devices(
                          1);  // filled in place: GCC 12 warns falsely about a braced list here
                      devices[0].description = threads + " hardware threads";
                      return devices;
                    },
                .missing = [] { return std::string(); },
                .create = [](int index, const DeviceOptions& options) -> std::unique_ptr<Device> {
                  return std::make_unique<HostDevice>(DeviceName{"cpu", index},
                                                      std::make_shared<ThreadPool>(options.num_threads));
                }});
  cpu::register_families(kernels);
}

}  // namespace gradus
