#include "gradus/graph/run/plan_versions.h"

#include <algorithm>

namespace gradus {

void VariableVersions::add_step() {
  const int index = static_cast<int>(plan_.steps.size()) - 1;
  const PlanStep& step = plan_.step(index);
  bool effect =
      !step.is_copy && (step.node().def().effect == Effect::kMutates || step.node().def().effect == Effect::kExternal);
  int last = -1;
  for_each_predecessor(plan_, step, [&](int before) {
    effect = effect || has_effect(before);
    last = std::max(last, last_writer_[at(before)]);
  });
  for (std::size_t i = 0; i < step.versions.size(); ++i) {
    writers_[step.inputs[i]].push_back({index, step.versions[i]});
    last = index;
  }
  effects_.push_back(effect);
  last_writer_.push_back(last);
  visited_.push_back(0);
}

int VariableVersions::seen_after(int variable, const std::vector<int>& after) {
  const auto found = writers_.find(variable);
  if (found == writers_.end()) return variable;
  const std::vector<Writer>& writers = found->second;
  ++search_;
  // Backwards from `after`. Steps only depend on earlier ones, so whatever has no writer at or after the best one found, or
  // none since the first writer of this variable, need not be looked into.
  const auto by_step = [](const Writer& w, int step) { return w.step < step; };
  int best = -1;
  std::vector<int> stack(after);
  while (!stack.empty()) {
    const int s = stack.back();
    stack.pop_back();
    const int newest = last_writer_[at(s)];
    if (newest <= best || newest < writers.front().step || visited_[at(s)] == search_) continue;
    visited_[at(s)] = search_;
    const auto writer = std::lower_bound(writers.begin(), writers.end(), s, by_step);
    if (writer != writers.end() && writer->step == s) {
      best = s;  // all that it depends on is earlier
    } else {
      for_each_predecessor(plan_, plan_.step(s), [&](int before) { stack.push_back(before); });
    }
  }
  if (best < 0) return variable;
  return std::lower_bound(writers.begin(), writers.end(), best, by_step)->version;
}

}  // namespace gradus
