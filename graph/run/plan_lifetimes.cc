#include "gradus/graph/run/plan_lifetimes.h"

#include <algorithm>

namespace gradus {

StepOrder::StepOrder(const Plan& plan) {
  for (const int s : plan.order) streams_ = std::max(streams_, plan.step(s).stream + 1);
  if (streams_ == 1) return;
  const int count = static_cast<int>(plan.order.size());
  clocks_.assign(at(count) * at(streams_), -1);
  std::vector<int> positions(plan.steps.size(), -1);
  std::vector<int> newest(static_cast<std::size_t>(streams_), -1);  // per stream
  const auto entry = [&](int position, int stream) -> int& { return clocks_[at(position * streams_ + stream)]; };
  for (int position = 0; position < count; ++position) {
    const int s = plan.order[at(position)];
    const PlanStep& step = plan.step(s);
    positions[at(s)] = position;
    stream_of_.push_back(step.stream);
    const auto comes_after = [&](int before) {
      if (before < 0) return;
      for (int k = 0; k < streams_; ++k) entry(position, k) = std::max(entry(position, k), entry(before, k));
      int& own = entry(position, stream_of_[at(before)]);
      own = std::max(own, before);
    };
    comes_after(newest[at(step.stream)]);
    for_each_predecessor(plan, step, [&](int before) { comes_after(positions[at(before)]); });
    newest[at(step.stream)] = position;
  }
}

Lifetimes::Lifetimes(const Plan& plan, const StepOrder& order)
    : order_(order),
      first_(plan.values.size(), -1),
      last_(plan.values.size() * static_cast<std::size_t>(order.num_streams()), -1) {
  for (int position = 0; position < static_cast<int>(plan.order.size()); ++position) {
    const PlanStep& step = plan.step(plan.order[at(position)]);
    for (const int id : step.outputs) use(plan.root(id), position);
    for (const int id : step.inputs) use(plan.root(id), position);
    if (step.scratch >= 0) use(step.scratch, position);
  }
  for (const int id : plan.fetch_values) use_forever(plan.root(id));
}

void Lifetimes::use(int value, int position) {
  int& first = first_[at(value)];
  if (first < 0) first = position;
  int& newest = last(value, order_.stream(position));
  newest = std::max(newest, position);
}

void Lifetimes::add_uses(int memory, int value) {
  for (int k = 0; k < order_.num_streams(); ++k) last(memory, k) = std::max(last(memory, k), last(value, k));
}

int Lifetimes::last(int value) const {
  const auto begin = last_.begin() + std::ptrdiff_t{value} * order_.num_streams();
  return *std::max_element(begin, begin + order_.num_streams());
}

}  // namespace gradus
