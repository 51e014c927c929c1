// All kernels of one level. GRADUS_CPU_REGISTER, from the build, is the function that backends/cpu/levels.cc knows.
#include "gradus/backends/common/kernels.h"
#include "gradus/backends/cpu/kernels.h"

namespace gradus::cpu {

// Families whose kernels all backends of the host share (GRADUS_HOST_FAMILY), and others.
#define GRADUS_HOST_FAMILY(x) \
  void register_##x##_kernels(KernelRegistry& kernels) { common::register_##x##_kernels(kernels, kDevice); }
#define GRADUS_FAMILY(x) void register_##x##_kernels(KernelRegistry& kernels);
#include "gradus/ops/families.def"

void GRADUS_CPU_REGISTER(KernelRegistry& kernels);
void GRADUS_CPU_REGISTER(KernelRegistry& kernels) {
#define GRADUS_FAMILY(x) register_##x##_kernels(kernels);
#include "gradus/ops/families.def"
}

}  // namespace gradus::cpu
