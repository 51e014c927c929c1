// The CPU backend: Eigen and our own kernels, parallel on the session's threads.
#include <string>
#include <thread>

#include "gradus/backends/common/kernels.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/register.h"

namespace gradus {
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
  common::register_source_kernels(kernels, cpu::kDevice);
  cpu::register_unary_kernels(kernels);
  cpu::register_binary_kernels(kernels);
  cpu::register_compare_kernels(kernels);
  cpu::register_reduction_kernels(kernels);
  cpu::register_matmul_kernels(kernels);
  cpu::register_argmax_kernels(kernels);
  common::register_debug_kernels(kernels, cpu::kDevice);
  cpu::register_shape_kernels(kernels);
  cpu::register_layout_kernels(kernels);
  cpu::register_indexing_kernels(kernels);
  cpu::register_conv2d_kernels(kernels);
  cpu::register_optimizer_update_kernels(kernels);
  cpu::register_random_kernels(kernels);
  cpu::register_batch_norm_kernels(kernels);
  cpu::register_softmax_kernels(kernels);
  cpu::register_bias_add_kernels(kernels);
  cpu::register_pooling_kernels(kernels);
  cpu::register_reverse_kernels(kernels);
  cpu::register_sigmoid_cross_entropy_kernels(kernels);
}

}  // namespace gradus
