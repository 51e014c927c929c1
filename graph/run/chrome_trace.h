// The profiled steps of a session as Chrome trace JSON, for chrome://tracing and Perfetto. Internal to graph/.
#pragma once

#include <string>
#include <vector>

namespace gradus {

struct TraceEvent {
  std::string name, op, device;
  double start_us = 0.0, duration_us = 0.0;
};

// Writes the events of each concurrent call, one row per device and call. Throws as AtomicFile does.
void write_chrome_trace(const std::string& path, const std::vector<const std::vector<TraceEvent>*>& calls);

}  // namespace gradus
