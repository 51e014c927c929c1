// What the benchmark programs share: "--name value" options, medians, and the peak resident memory of this process.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace gradus_bench {

// The value after --name, or `fallback`.
inline std::string option(int argc, char** argv, const std::string& name, const std::string& fallback) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == "--" + name) return argv[i + 1];
  }
  return fallback;
}
inline int option(int argc, char** argv, const std::string& name, int fallback) {
  return std::atoi(option(argc, argv, name, std::to_string(fallback)).c_str());
}

inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// Milliseconds of each of `repeats` calls, after `warmup` more.
template <class F>
std::vector<double> time_ms(int warmup, int repeats, F&& call) {
  std::vector<double> times;
  for (int i = 0; i < warmup + repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    const std::chrono::duration<double, std::milli> passed = std::chrono::steady_clock::now() - begin;
    if (i >= warmup) times.push_back(passed.count());
  }
  return times;
}

// The VmHWM line of /proc/self/status; 0 where there is none.
inline double peak_rss_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::atof(line.c_str() + 6) / 1024;
  }
  return 0;
}

// One line, the same for every program that trains a model.
inline void print_train(const char* framework, const std::string& model, int batch, int threads, double train_ms,
                        double infer_ms) {
  std::printf(
      "{\"framework\": \"%s\", \"model\": \"%s\", \"batch\": %d, \"threads\": %d, \"train_ms\": %.3f, \"infer_ms\": "
      "%.3f, "
      "\"images_per_s\": %.0f, \"peak_rss_mb\": %.1f}\n",
      framework, model.c_str(), batch, threads, train_ms, infer_ms, batch / train_ms * 1e3, peak_rss_mb());
}

}  // namespace gradus_bench
