// The CPU backend: Eigen and our own kernels, parallel on the session's threads.
#include <cstdlib>
#include <string>
#include <thread>

#include "gradus/backends/cpu/levels.h"
#include "gradus/backends/register.h"
#include "gradus/core/error.h"

namespace gradus {
namespace {

// What was chosen when the backend was registered, for the whole life of the program.
struct Chosen {
  std::vector<cpu::Level> levels = cpu::levels();
  std::string wanted = std::getenv("GRADUS_ISA") == nullptr ? "" : std::getenv("GRADUS_ISA");
  std::string why;  // no level
  const cpu::Level* level = cpu::choose_level(levels, wanted.c_str(), &why);
  // Graphs are not to run elsewhere, many times slower, because of a word that is misspelt: the device is there, and making it is an error.
  bool is_refused() const { return level == nullptr && !wanted.empty(); }
};
const Chosen& chosen() {
  static const Chosen chosen;
  return chosen;
}

std::string all_levels() {
  std::string text;
  for (const cpu::Level& level : chosen().levels)
    text += (text.empty() ? "" : ", ") + std::string(level.name) + (level.runs_here ? "" : " (not on this processor)");
  return text;
}

}  // namespace

void register_cpu_backend(BackendRegistry& backends, KernelRegistry& kernels) {
  const cpu::Level* const level = chosen().level;
  const std::string name = level == nullptr ? "no instruction set" : level->name;
  backends.add(
      {.type = "cpu",
       .description = "Eigen and own kernels on a thread pool, " + name,
       .rank = 10,
       .list =
           [] {
             const std::string threads = std::to_string(std::thread::hardware_concurrency());
             std::vector<DeviceInfo> devices(1);  // filled in place: GCC 12 warns falsely about a braced list here
             devices[0].description =
                 chosen().is_refused() ? "not available: " + chosen().why : threads + " hardware threads";
             return devices;
           },
       .missing = [] { return chosen().is_refused() ? "" : chosen().why; },
       .create = [](int index, const DeviceOptions& options) -> std::unique_ptr<Device> {
         if (chosen().is_refused()) throw unavailable("device 'cpu:0' cannot be used: " + chosen().why);
         return std::make_unique<HostDevice>(DeviceName{"cpu", index},
                                             std::make_shared<ThreadPool>(options.num_threads), options);
       },
       .details =
           [] { return std::vector<std::string>{"kernels for " + all_levels() + "; GRADUS_ISA chooses another"}; }});
  if (level != nullptr) level->register_kernels(kernels);
}

}  // namespace gradus
