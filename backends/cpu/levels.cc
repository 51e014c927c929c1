#include "gradus/backends/cpu/levels.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus::cpu {

// What the build lists, from the best level on: GRADUS_CPU_LEVEL(name, whether it runs here).
#define GRADUS_CPU_LEVEL(name, runs_here) void register_kernels_##name(KernelRegistry& kernels);
#include "gradus/cpu_levels.def"
#undef GRADUS_CPU_LEVEL

std::vector<Level> levels() {
  return {
#define GRADUS_CPU_LEVEL(name, runs_here) {#name, (runs_here), register_kernels_##name},
#include "gradus/cpu_levels.def"
#undef GRADUS_CPU_LEVEL
  };
}

const Level* choose_level(const std::vector<Level>& levels, const char* wanted, std::string* why) {
  const auto names = [&](bool all) {
    std::string text;
    for (const Level& level : levels)
      if (all || level.runs_here) text += (text.empty() ? "" : ", ") + std::string(level.name);
    return text.empty() ? "none" : text;
  };
  const bool any = wanted == nullptr || *wanted == '\0';
  const auto found = std::find_if(levels.begin(), levels.end(), [&](const Level& level) {
    return any ? level.runs_here : level.name == std::string_view(wanted);
  });
  if (found != levels.end() && found->runs_here) return &*found;
  if (any) {
    *why = fmt::format("this processor has none of the instruction sets that the kernels were compiled for ({})",
                       names(true));
  } else if (found != levels.end()) {
    *why = fmt::format(
        "GRADUS_ISA is '{}', which this processor does not have; it runs {}: name one of these, or unset it", wanted,
        names(false));
  } else {
    *why = fmt::format("GRADUS_ISA is '{}'; this build has {}: name one of these, or unset it", wanted, names(true));
  }
  return nullptr;
}

}  // namespace gradus::cpu
