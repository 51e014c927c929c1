// The small parts of plans: what is looked up in them, and the devices and seeds they are compiled for.
#include "gradus/graph/run/plan.h"

#include <fmt/format.h>

#include "gradus/core/philox.h"
#include "gradus/graph/run/plan_infer.h"

namespace gradus {

int Plan::root(int value) const {
  while (values[static_cast<std::size_t>(value)].alias_of >= 0)
    value = values[static_cast<std::size_t>(value)].alias_of;
  return value;
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
  std::int64_t bytes = 0;
  const bool counts =
      checked_multiply(value.shape.num_elements(), static_cast<std::int64_t>(dtype_size(value.dtype)), &bytes);
  const std::int64_t memory = value.device == nullptr ? 0 : value.device->memory_bytes();
  if (counts && (memory == 0 || bytes <= memory)) return;
  const std::string what =
      fmt::format("{} the result, {} {}", value.source->where(), dtype_name(value.dtype), value.shape.to_string());
  if (!counts) throw Error(Code::kResourceExhausted, what + ", has more bytes than 63 bits count");
  throw Error(Code::kResourceExhausted, fmt::format("{} of {} MiB, does not fit in the memory of {}, {} MiB", what,
                                                    bytes >> 20, value.device->name().to_string(), memory >> 20));
}

}  // namespace

int add_value(Plan& plan, PlanValue value) {
  check_size(value);
  value.bytes = static_cast<std::size_t>(value.shape.num_elements()) * dtype_size(value.dtype);
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

Device& DeviceSet::get(const DeviceName& name) {
  for (const auto& device : devices_) {
    if (device->name() == name) return *device;
  }
  devices_.push_back(backend_registry().create(name, options_));
  return *devices_.back();
}

std::uint64_t node_seed(std::uint64_t session_seed, const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a, the same on every platform
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return mix64(mix64(session_seed) ^ hash);
}

}  // namespace gradus
