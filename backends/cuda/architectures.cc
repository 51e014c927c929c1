#include "gradus/backends/cuda/architectures.h"

#include <algorithm>
#include <charconv>

namespace gradus::cuda {
namespace {

bool entry_runs_on(std::string_view entry, int major, int minor) {
  int number = 0;
  const auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), number);
  if (error != std::errc()) return true;  // "native", "all"
  const std::string_view rest = entry.substr(static_cast<std::size_t>(end - entry.data()));
  const int its_major = number / 10, its_minor = number % 10;
  if (rest.starts_with('a')) return major == its_major && minor == its_minor;  // of this architecture alone
  if (rest.starts_with('f')) return major == its_major && minor >= its_minor;  // of its family
  const bool has_ptx = rest != "-real", has_code = rest != "-virtual";
  return (has_code && major == its_major && minor >= its_minor) || (has_ptx && major * 10 + minor >= number);
}

}  // namespace

bool runs_on(std::string_view architectures, int major, int minor) {
  while (!architectures.empty()) {
    const std::size_t end = std::min(architectures.find(';'), architectures.size());
    if (end > 0 && entry_runs_on(architectures.substr(0, end), major, minor)) return true;
    architectures.remove_prefix(std::min(end + 1, architectures.size()));
  }
  return false;
}

}  // namespace gradus::cuda
