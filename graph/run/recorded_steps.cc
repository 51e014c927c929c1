#include "gradus/graph/run/recorded_steps.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/core/log.h"

namespace gradus {
namespace {

constexpr std::uint64_t kRunsBefore = 2;

bool launches(const PlanStep& step) { return !step.aliased && (step.kernel != nullptr || step.is_copy); }

// The stretches of steps of one device that are the same in every run, without those that start nothing.
std::vector<RecordedSteps> stretches(const Plan& plan) {
  std::vector<RecordedSteps> found;
  Device* device = nullptr;
  bool open = false;
  for (std::size_t i = 0; i < plan.order.size(); ++i) {
    const PlanStep& step = plan.step(plan.order[i]);
    if (!launches(step)) continue;
    if (step.device->uses_host_memory() || !is_repeatable(plan, step)) {
      open = false;
      continue;
    }
    if (!open || step.device != device) found.push_back({i, i, nullptr});
    open = true;
    device = step.device;
    found.back().end = i + 1;
  }
  return found;
}

// nullptr where the device does not record.
std::unique_ptr<Recording> record(Plan& plan, const RecordedSteps& stretch, FunctionRef<void(PlanStep&)> submit) {
  const std::unique_ptr<Recorder> recorder = plan.step(plan.order[stretch.begin]).device->record();
  if (recorder == nullptr) return nullptr;
  std::vector<bool> inside(plan.steps.size(), false);
  for (std::size_t i = stretch.begin; i < stretch.end; ++i) {
    const int s = plan.order[i];
    std::vector<int> after;
    for_each_predecessor(plan, plan.step(s), [&](int before) {
      if (inside[at(before)]) after.push_back(before);  // the others have run
    });
    recorder->begin_step(s, plan.step(s).stream, after);
    submit(plan.step(s));
    inside[at(s)] = true;
  }
  return recorder->finish();
}

}  // namespace

void assign_streams(Plan& plan, int streams) {
  if (streams < 2) return;
  const std::vector<std::vector<int>> next = successors(plan);
  // The steps on the longest way from each to the end.
  std::vector<int> depth(plan.steps.size(), 0);
  for (auto s = plan.order.rbegin(); s != plan.order.rend(); ++s) {
    for (const int n : next[at(*s)]) depth[at(*s)] = std::max(depth[at(*s)], depth[at(n)] + 1);
  }
  std::vector<bool> goes_on(plan.steps.size(), false), has_predecessor(plan.steps.size(), false);
  for (const int s : plan.order) {
    const auto& all = next[at(s)];
    if (all.empty()) continue;
    // The first of the longest: the order of steps decides among equals.
    goes_on[at(*std::max_element(all.begin(), all.end(), [&](int a, int b) { return depth[at(a)] < depth[at(b)]; }))] =
        true;
    for (const int n : all) has_predecessor[at(n)] = true;
  }
  for (const int s : plan.order) {
    PlanStep& step = plan.step(s);
    if (!step.device->uses_host_memory() && has_predecessor[at(s)] && !goes_on[at(s)]) step.stream = 1;
  }
}

void update_recordings(Plan& plan, const SessionOptions& options, FunctionRef<void(PlanStep&)> submit) {
  if (!options.record || options.profile || options.observer || options.check_numerics) return;
  if (plan.runs < kRunsBefore || plan.recorded_generation == plan.generation || !plan.not_recorded.empty()) return;
  plan.recorded.clear();
  plan.recorded_generation = plan.generation;
  std::vector<RecordedSteps> recorded;
  try {
    for (RecordedSteps& stretch : stretches(plan)) {
      stretch.recording = record(plan, stretch, submit);
      if (stretch.recording != nullptr) recorded.push_back(std::move(stretch));
    }
  } catch (
      const Error& error) {  // a kernel that waits or allocates, say; if it is wrong in itself, the run will say so
    plan.not_recorded = error.what();
    log(LogLevel::kInfo,
        fmt::format("a plan runs step by step, since its steps could not be recorded: {}", error.what()));
    return;
  }
  plan.recorded = std::move(recorded);
}

}  // namespace gradus
