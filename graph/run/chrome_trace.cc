#include "gradus/graph/run/chrome_trace.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "gradus/core/atomic_file.h"

namespace gradus {

void write_chrome_trace(const std::string& path, const std::vector<const std::vector<TraceEvent>*>& calls) {
  nlohmann::json events = nlohmann::json::array();
  std::map<std::string, int> rows;  // one "thread" per device and concurrent call
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (const TraceEvent& e : *calls[i]) {
      const std::string where = calls.size() == 1 ? e.device : fmt::format("{}, call {}", e.device, i + 1);
      const auto [row, is_new] = rows.try_emplace(where, static_cast<int>(rows.size()) + 1);
      if (is_new) {
        events.push_back(
            {{"name", "thread_name"}, {"ph", "M"}, {"pid", 1}, {"tid", row->second}, {"args", {{"name", where}}}});
      }
      events.push_back({{"name", e.name},
                        {"cat", e.op},
                        {"ph", "X"},
                        {"ts", e.start_us},
                        {"dur", e.duration_us},
                        {"pid", 1},
                        {"tid", row->second},
                        {"args", {{"op", e.op}}}});
    }
  }
  AtomicFile file(path);
  // Names need not be UTF-8; what is not becomes U+FFFD.
  file.write(nlohmann::json{{"traceEvents", events}, {"displayTimeUnit", "ms"}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace));
  file.write("\n");
  file.commit();
}

}  // namespace gradus
