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
    const int variable = step.inputs[at(i)];
    if (i == 0) {
      plan_.value(step.outputs.at(0)).alias_of = variable;
      step.versions.push_back(step.outputs[0]);
      continue;
    }
    const PlanValue& old = plan_.value(variable);
    PlanValue version{.dtype = old.dtype, .shape = old.shape, .device = old.device, .producer = index, .output = -1};
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

void StepList::add_ready_steps(const std::vector<int>& values, std::vector<int>& steps) const {
  for (const int id : values) {
    if (const auto found = ready_after_.find(id); found != ready_after_.end()) steps.push_back(found->second);
  }
}

void StepList::read_versions(const Node& node, const std::vector<int>& after, std::vector<int>& inputs) {
  for (std::size_t i = node.def().num_mutated(); i < inputs.size() && !after.empty(); ++i) {
    if (plan_.value(inputs[i]).storage == Storage::kVariable) inputs[i] = versions_.seen_after(inputs[i], after);
  }
}

// Feeds and constants of the graph are host memory, which the device nullptr stands for.
std::vector<int> StepList::on_device(const OpDef& def, const std::vector<int>& inputs, Device* device) {
  std::vector<int> result;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Device* const from = plan_.value(inputs[i]).device;
    const bool on_host = from == nullptr || from->uses_host_memory();
    if (def.is_host_operand(i)) {
      result.push_back(on_host ? inputs[i] : copy_to(inputs[i], &devices_.host()));
    } else {
      const bool here = from == device || (from == nullptr && device->uses_host_memory());
      result.push_back(here ? inputs[i] : copy_to(inputs[i], device));
    }
  }
  return result;
}

int StepList::copy_to(int value, Device* device) {
  const auto [found, is_new] = copies_.try_emplace({value, device}, -1);
  if (!is_new) return found->second;
  const PlanValue& v = plan_.value(value);
  if (v.storage == Storage::kConstant && v.device == nullptr) return found->second = uploaded(value, device);
  std::vector<int> after;
  add_ready_steps({value}, after);
  const std::string from = v.device != nullptr ? v.device->name().to_string() : "the host";
  found->second = add_copy_step(plan_, value, device, "copy from " + from, std::move(after));
  versions_.add_step();
  return found->second;
}

// A constant goes up once, when the first plan that needs it is made, and counts as there when the one on the host does.
int StepList::uploaded(int constant, Device* device) {
  const Tensor tensor = plan_.value(constant).tensor;
  const Node& node = *plan_.value(constant).source;
  const int copy =
      add_constant(node, Tensor(Buffer(), 0, tensor.dtype(), tensor.shape()), device);  // or it is too large
  try {
    plan_.value(copy).tensor = devices_.uploaded(tensor, *device);
  } catch (const Error& error) {
    throw Error(error.code(), node.where() + " " + error.what());
  }
  if (const auto ready = ready_after_.find(constant); ready != ready_after_.end()) ready_after_[copy] = ready->second;
  return copy;
}

}  // namespace gradus
