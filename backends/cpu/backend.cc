// The CPU backend: Eigen and our own kernels, parallel on the session's threads.
#include <string>
#include <thread>

#include "gradus/backends/common/kernels.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/register.h"

namespace gradus {
namespace cpu {

// Families whose kernels all backends of the host share (GRADUS_HOST_FAMILY), and others.
#define GRADUS_HOST_FAMILY(x) \
  void register_##x##_kernels(KernelRegistry& kernels) { common::register_##x##_kernels(kernels, kDevice); }
#define GRADUS_FAMILY(x) void register_##x##_kernels(KernelRegistry& kernels);
#include "gradus/ops/families.def"

void register_families(KernelRegistry& kernels) {
#define GRADUS_FAMILY(x) register_##x##_kernels(kernels);
#include "gradus/ops/families.def"
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
