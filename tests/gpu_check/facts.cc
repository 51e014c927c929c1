#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include "gradus/backends/cuda/device.h"
#include "gradus/gradus.h"
#include "tests/gpu_check/checks.h"
#include "tests/gpu_check/machine.h"

namespace gradus::gpu_check {
namespace {

nlohmann::json facts_of_devices() {
  nlohmann::json devices = nlohmann::json::array();
  int count = 0;
  GRADUS_CUDA(cudaGetDeviceCount(&count));
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp p{};
    GRADUS_CUDA(cudaGetDeviceProperties(&p, i));
    GRADUS_CUDA(cudaSetDevice(i));
    std::size_t free = 0, total = 0;
    GRADUS_CUDA(cudaMemGetInfo(&free, &total));
    devices.push_back({{"name", p.name},
                       {"compute_capability", fmt::format("{}.{}", p.major, p.minor)},
                       {"memory_mib", total >> 20},
                       {"free_memory_mib", free >> 20},
                       {"multiprocessors", p.multiProcessorCount},
                       {"l2_cache_mib", p.l2CacheSize >> 20},
                       {"shared_memory_per_block", p.sharedMemPerBlock}});
  }
  return devices;
}

}  // namespace

void check_facts(Report& report) {
  fresh_machine();
  int driver = 0, runtime = 0;
  GRADUS_CUDA(cudaDriverGetVersion(&driver));
  GRADUS_CUDA(cudaRuntimeGetVersion(&runtime));
  const cudnn::Found cudnn = cudnn::find();
  nlohmann::json& details = report.details();
  details["machine"] = machine_kind();
  details["gradus"] = version();
  details["software"] = cuda::software();
  details["driver"] = driver;
  details["runtime"] = runtime;
  details["cudnn"] = {{"version", cudnn.version}, {"file", cudnn.path}, {"missing", cudnn.missing}};
  details["devices"] = facts_of_devices();
  report.add("devices", details["devices"].empty() ? "there is none" : "");
  report.add("cuDNN", cudnn.missing);
  const nlohmann::json& first = details["devices"].at(0);
  report.set_summary(fmt::format("{}, {} MiB, compute capability {}; driver for CUDA {}.{}, runtime {}.{}, cuDNN {}",
                                 first["name"].get<std::string>(), first["memory_mib"].get<std::size_t>(),
                                 first["compute_capability"].get<std::string>(), driver / 1000, driver % 1000 / 10,
                                 runtime / 1000, runtime % 1000 / 10,
                                 cudnn.missing.empty() ? cudnn.version : "not found"));
}

}  // namespace gradus::gpu_check
