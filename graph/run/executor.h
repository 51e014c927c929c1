// Runs compiled plans. Internal to graph/.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "gradus/graph/run/chrome_trace.h"
#include "gradus/graph/run/plan.h"

namespace gradus {

class Executor {
 public:
  explicit Executor(const SessionOptions& options) : options_(options) {}

  // Feeds in the plan's order. Outputs of fetches are new host tensors.
  std::vector<Tensor> run(Plan& plan, const Feeds& feeds, std::uint64_t run_number);
  std::size_t arena_bytes() const;
  const std::vector<TraceEvent>& trace() const { return trace_; }

 private:
  // One arena per device, shared by all plans of this executor, which runs one at a time.
  void bind(Plan& plan);
  const std::uint64_t* run_number_of(const PlanStep& step);
  void bind_feeds(Plan& plan, const Feeds& feeds);
  void run_step(Plan& plan, PlanStep& step);
  void observe(const Plan& plan, const PlanStep& step) const;
  void copy_between_devices(const Plan& plan, PlanStep& step);
  static void check_outputs(const Plan& plan, PlanStep& step);
  void run_kernel(const Plan& plan, PlanStep& step) const;
  void check_numerics(const PlanStep& step, const std::vector<Tensor>& before) const;
  Tensor fetch(Plan& plan, int value) const;

  const SessionOptions& options_;
  std::map<Device*, Buffer> arenas_;
  std::uint64_t run_number_ = 0;
  std::map<Device*, Buffer> run_numbers_;  // the same in the memory of devices that cannot read it here
  std::map<Device*, std::size_t> arena_sizes_;
  std::uint64_t generation_ = 1;  // grows when an arena moves
  std::vector<TraceEvent> trace_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace gradus
