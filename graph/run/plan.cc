// The small parts of plans: what is looked up in them, and the devices and seeds they are compiled for.
#include "gradus/graph/run/plan.h"

#include <fmt/format.h>

#include "gradus/core/philox.h"
#include "gradus/graph/run/plan_infer.h"

namespace gradus {

int Plan::root(int value) const {
  while (values[at(value)].alias_of >= 0) value = values[at(value)].alias_of;
  return value;
}

const Tensor& Plan::tensor(int id) const {
  const PlanValue& v = value(id);
  if (v.producer >= 0 && v.output >= 0) return step(v.producer).context.outputs_[at(v.output)];
  const VariableState* variable = value(root(id)).variable;
  return variable != nullptr ? variable->tensor : v.tensor;
}

std::string op_text(const PlanStep& step) {
  if (step.is_copy) return "Copy";
  return step.nodes.size() > 1 ? step.kernel->op : step.node().op();
}

bool is_repeatable(const Plan& plan, const PlanStep& step) {
  if (!step.is_copy) return !step.prepare_in_each_run;
  const Device* from = plan.value(plan.root(step.inputs[0])).device;
  return from == step.device;
}

bool matches(const Plan& plan, const Feeds& feeds, const std::vector<Output>& fetches,
             const std::vector<Operation>& targets) {
  if (plan.feeds.size() != feeds.size() || plan.fetches != fetches || plan.targets != targets) return false;
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    if (!(plan.feeds[i] == feeds[i].first) || !(plan.feed_shapes[i] == feeds[i].second.shape())) return false;
    if (!feeds[i].second.defined() || feeds[i].second.dtype() != feeds[i].first.dtype()) return false;
  }
  for (const auto& [i, values] : plan.value_feeds) {
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (integer_at(feeds[i].second, static_cast<std::int64_t>(k)) != values[k]) return false;
    }
  }
  return true;
}

namespace {

// Sizes may come from data, so what cannot be is refused before anything is allocated.
void check_size(const PlanValue& value) {
  const std::int64_t memory = value.device == nullptr ? 0 : value.device->memory_bytes();
  if (memory == 0 || static_cast<std::int64_t>(value.bytes) <= memory) return;
  throw Error(
      Code::kResourceExhausted,
      fmt::format("{} the result, {} of {} MiB, does not fit in the memory of {}, {} MiB", value.source->where(),
                  type_text(value), value.bytes >> 20, value.device->name().to_string(), memory >> 20));
}

std::string joint_places(const std::vector<const Node*>& nodes) {
  constexpr std::size_t kMostShown = 4;
  const std::size_t shown = nodes.size() > kMostShown ? 1 : nodes.size();
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) text += (i == 0 ? "" : " ") + nodes[i]->where();
  return shown == nodes.size() ? text : fmt::format("{} (and {} more)", text, nodes.size() - shown);
}

}  // namespace

int add_value(Plan& plan, PlanValue value) {
  // PlanInference has refused what 64 bits do not count.
  value.bytes = static_cast<std::size_t>(value.shape.num_elements()) * dtype_size(value.dtype);
  check_size(value);
  plan.values.push_back(std::move(value));
  return static_cast<int>(plan.values.size()) - 1;
}

int add_copy_step(Plan& plan, int value, Device* device, std::string reason, std::vector<int> after) {
  const PlanValue& from = plan.value(value);
  PlanStep step{.nodes = {from.source}, .is_copy = true, .device = device, .reason = std::move(reason)};
  step.inputs = {value};
  step.after = std::move(after);
  step.where = step.node().where();
  PlanValue target{.dtype = from.dtype, .shape = from.shape, .device = device};
  target.producer = static_cast<int>(plan.steps.size());
  target.source = from.source;
  const int copy = add_value(plan, std::move(target));
  step.outputs = {copy};
  plan.steps.push_back(std::move(step));
  return copy;
}

std::vector<std::vector<int>> successors(const Plan& plan) {
  std::vector<std::vector<int>> result(plan.steps.size());
  for (int s = 0; s < static_cast<int>(plan.steps.size()); ++s) {
    if (plan.step(s).needed)
      for_each_predecessor(plan, plan.step(s), [&](int before) { result[at(before)].push_back(s); });
  }
  return result;
}

PlanStep joined_step(Plan& plan, const std::vector<int>& steps, const KernelDef* kernel) {
  const PlanStep& last = plan.step(steps.back());
  PlanStep joined{.nodes = {}, .device = last.device, .reason = last.reason, .kernel = kernel, .needed = true};
  for (const int s : steps) {
    PlanStep& step = plan.step(s);
    step.needed = false;
    joined.nodes.push_back(&step.node());
    joined.context.nodes_.push_back({.attrs = &step.node().attrs(), .where = step.where});
    if (s == steps.back()) continue;
    plan.notes.push_back({&step.node(), step.outputs.at(0), "fused into '" + last.node().name() + "'"});
  }
  joined.where = joint_places(joined.nodes);
  return joined;
}

void join_results(Plan& plan, const std::vector<int>& steps, std::size_t k, PlanStep& joined, std::size_t first) {
  const std::vector<int>& outputs = plan.step(steps[k]).outputs;
  for (std::size_t i = first; i < outputs.size(); ++i) {
    PlanValue& value = plan.value(outputs[i]);
    value.producer = steps.back();
    value.output = static_cast<int>(joined.outputs.size());
    joined.context.nodes_[k].results.push_back(value.output);
    joined.outputs.push_back(outputs[i]);
  }
}

Device& DeviceSet::get(const DeviceName& name) {
  for (const auto& device : devices_) {
    if (device->name() == name) return *device;
  }
  devices_.push_back(backend_registry().create(name, options_));
  return *devices_.back();
}

Tensor DeviceSet::uploaded(const Tensor& constant, Device& device) {
  const Buffer& host = constant.buffer();
  Upload& upload = uploads_[{constant.raw(), constant.bytes(), &device}];
  const bool is_same = !upload.host.owner_before(host) && !host.owner_before(upload.host);
  Buffer there = is_same ? upload.there.lock() : nullptr;
  if (there == nullptr) {
    there = allocate_on(device, constant.bytes());
    if (constant.bytes() > 0) device.copy_from_host(there.get(), constant.raw(), constant.bytes());
    upload = {host, there};
    std::erase_if(uploads_, [](const auto& entry) { return entry.second.there.expired(); });
  }
  return {there, 0, constant.dtype(), constant.shape()};
}

std::uint64_t node_seed(std::uint64_t session_seed, const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a, the same on every platform
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return mix64(mix64(session_seed) ^ hash);
}

}  // namespace gradus
