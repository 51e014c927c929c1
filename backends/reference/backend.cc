// The reference backend: the plainest possible loops, any dtype, float64 accumulation, no threads.
#include "gradus/backends/common/kernels.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/backends/register.h"

namespace gradus {
namespace reference {

// Families whose kernels all backends of the host share (GRADUS_HOST_FAMILY), and others.
#define GRADUS_HOST_FAMILY(x) \
  void register_##x##_kernels(KernelRegistry& kernels) { common::register_##x##_kernels(kernels, kDevice); }
#define GRADUS_FAMILY(x) void register_##x##_kernels(KernelRegistry& kernels);
#include "gradus/ops/families.def"

void register_families(KernelRegistry& kernels) {
#define GRADUS_FAMILY(x) register_##x##_kernels(kernels);
#include "gradus/ops/families.def"
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
