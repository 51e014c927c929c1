// The composition root: the only file that knows every room, and joins ops, gradients and backends.
#include "gradus/gradus.h"

#include "gradus/autodiff/register_all.h"
#include "gradus/backends/register.h"
#include "gradus/cuda_verdict.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

struct Backends {
  Backends() {
#ifdef GRADUS_HAS_REFERENCE
    register_reference_backend(devices, kernels);
#endif
#ifdef GRADUS_HAS_CPU
    register_cpu_backend(devices, kernels);
#endif
#ifdef GRADUS_HAS_CUDA
    register_cuda_backend(devices, kernels);
#else
    // A stand-in, so that asking for a GPU says what is missing instead of "unknown device".
    devices.add({.type = "cuda",
                 .description = "GPU through CUDA",
                 .rank = -1,
                 .list = [] { return std::vector<DeviceInfo>(); },
                 .missing =
                     [] {
                       return std::string("this build of Gradus has no CUDA backend (" GRADUS_CUDA_VERDICT
                                          "); use cpu:0 or ref:0");
                     },
                 .create = [](int, const DeviceOptions&) { return std::unique_ptr<Device>(); }});
#endif
  }
  BackendRegistry devices;
  KernelRegistry kernels;
};

Backends& backends() {
  static Backends instance;
  return instance;
}

}  // namespace

const char* version() noexcept { return GRADUS_VERSION; }

OpRegistry& op_registry() {
  static OpRegistry& registry = *[] {
    static OpRegistry instance;
    register_all_ops(instance);
    return &instance;
  }();
  return registry;
}

GradientRegistry& gradient_registry() {
  static GradientRegistry& registry = *[] {
    static GradientRegistry instance;
    register_all_gradients(instance);
    return &instance;
  }();
  return registry;
}

KernelRegistry& kernel_registry() { return backends().kernels; }
BackendRegistry& backend_registry() { return backends().devices; }

}  // namespace gradus
