// What the benchmark programs share: the frame around a program, medians, and the peak resident memory of this process.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "../examples/common/options.h"
#include "../examples/common/standard_streams.h"

namespace gradus_bench {

// Reads the command line and calls body(). Returns the exit status: 2, with one line on stderr, when an option is wrong, something
// fails, or standard output does not take the results.
template <class Body>
int run(int argc, char** argv, const std::string& program, example::Options options, Body&& body) {
  example::hold_standard_streams();
  try {
    if (options.parse(argc, argv)) body();
    example::check_standard_output();
    return 0;
  } catch (const example::UsageError& error) {
    example::print_error(program, std::string("InvalidArgument: ") + error.what() + " (see --help)");
  } catch (const std::exception& error) {
    example::print_error(program, error.what());
  }
  return 2;
}

// The options of the programs that train a model.
struct TrainOptions {
  std::string model = "lenet5";
  int batch = 128, threads = 2, steps = 60;

  void add_to(example::Options* options, const std::vector<std::string>& models) {
    options->choice("--model", &model, models, "what is trained");
    options->integer("--batch", &batch, 1, 1 << 20, "images per step");
    options->integer("--threads", &threads, 1, 1024, "threads");
    options->integer("--steps", &steps, 1, 1 << 20, "steps that are timed");
  }
};

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

// How many processors this process kept busy in the mean, from the construction to the call: processor time over wall time, all threads.
class BusyProcessors {
 public:
  double mean() const {
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin_;
    return (processor_seconds() - used_) / wall.count();
  }

 private:
  static double processor_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
  }
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  double used_ = processor_seconds();
};

// One line, the same for every program that trains a model.
inline void print_train(const std::string& framework, const char* version, const TrainOptions& o, double train_ms,
                        double infer_ms, double busy_processors, const std::string& more = "") {
  std::printf(
      "{\"framework\": \"%s\", \"version\": \"%s\", \"model\": \"%s\", \"batch\": %d, \"threads\": %d, \"train_ms\": "
      "%.4f, "
      "\"infer_ms\": %.4f, \"images_per_s\": %.0f, \"peak_rss_mb\": %.1f, \"busy_processors\": %.2f%s}\n",
      framework.c_str(), version, o.model.c_str(), o.batch, o.threads, train_ms, infer_ms, o.batch / train_ms * 1e3,
      peak_rss_mb(), busy_processors, more.c_str());
}

}  // namespace gradus_bench
