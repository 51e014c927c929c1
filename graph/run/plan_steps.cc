#include "gradus/graph/run/plan_steps.h"

namespace gradus {

int StepList::add(PlanStep&& step, const std::vector<TensorInfo>& results) {
  const int index = static_cast<int>(plan_.steps.size());
  step.where = step.node().where();
  for (std::size_t i = 0; i < results.size(); ++i) {
    PlanValue value{.dtype = results[i].dtype, .shape = results[i].shape, .device = step.device};
    value.producer = index;
    value.output = static_cast<int>(i);
    value.source = &step.node();
    step.outputs.push_back(add_value(plan_, std::move(value)));
  }
  add_versions(step, index);
  return append(std::move(step));
}

// What each changed variable holds from this step on.
void StepList::add_versions(PlanStep& step, int index) {
  for (int i = 0; i < mutated_inputs(step); ++i) {
    const int variable = step.inputs[static_cast<std::size_t>(i)];
    if (i == 0) {
      plan_.value(step.outputs.at(0)).alias_of = variable;
      step.versions.push_back(step.outputs[0]);
      continue;
    }
    const PlanValue& old = plan_.value(variable);
    PlanValue version{.dtype = old.dtype, .shape = old.shape, .device = old.device};
    version.producer = index;
    version.output = -1;
    version.alias_of = variable;
    version.source = old.source;
    step.versions.push_back(add_value(plan_, std::move(version)));
  }
}

int StepList::append(PlanStep&& step) {
  plan_.steps.push_back(std::move(step));
  versions_.add_step();
  return static_cast<int>(plan_.steps.size()) - 1;
}

int StepList::add_copy(int value, Device* device) {
  const Device* from = plan_.value(value).device;
  std::vector<int> after;
  add_ready_steps({value}, after);
  const int copy = add_copy_step(
      plan_, value, device, "copy from " + (from != nullptr ? from->name().to_string() : "the host"), std::move(after));
  versions_.add_step();
  return copy;
}

int StepList::add_constant(const Node& node, const Tensor& tensor, Device* device) {
  PlanValue value{.dtype = tensor.dtype(), .shape = tensor.shape(), .storage = Storage::kConstant, .device = device};
  value.source = &node;
  value.tensor = tensor;
  return add_value(plan_, std::move(value));
}

int StepList::wait_for(const Node& node, int value, const std::vector<int>& steps, Device& device) {
  int last = steps.at(0);
  if (steps.size() > 1) {
    PlanStep join{.nodes = {&node}, .device = &device, .reason = "joins what it waits for"};
    join.after = steps;
    join.where = node.where();
    last = append(std::move(join));
  }
  ready_after_[value] = last;
  return last;
}

void StepList::wait_like(int copy, int value) {
  if (const auto ready = ready_after_.find(value); ready != ready_after_.end()) ready_after_[copy] = ready->second;
}

void StepList::add_ready_steps(const std::vector<int>& values, std::vector<int>& steps) const {
  for (const int id : values) {
    if (const auto found = ready_after_.find(id); found != ready_after_.end()) steps.push_back(found->second);
  }
}

void StepList::read_versions(const Node& node, const std::vector<int>& after, std::vector<int>& inputs) {
  const bool mutates = node.def().effect == Effect::kMutates;
  const std::size_t changed = mutates ? static_cast<std::size_t>(node.def().mutable_inputs) : 0;
  for (std::size_t i = changed; i < inputs.size() && !after.empty(); ++i) {
    if (plan_.value(inputs[i]).storage == Storage::kVariable) inputs[i] = versions_.seen_after(inputs[i], after);
  }
}

}  // namespace gradus
