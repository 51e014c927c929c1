#include "gradus/graph/run/packed_variables.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus {
namespace {

// nullptr where the value is none that a variable had before the run.
VariableState* variable_of(const Plan& plan, int value) {
  const PlanValue& v = plan.value(value);
  return v.storage == Storage::kVariable && v.alias_of < 0 ? v.variable : nullptr;
}

PackedVariable& packed_variable(VariableState& variable, PackFn pack, std::size_t bytes, const std::string& where) {
  for (const auto& packed : variable.packed) {
    if (packed->pack == pack && packed->bytes == bytes) return *packed;
  }
  const auto limit = static_cast<std::size_t>(variable.device->memory_bytes());
  if (limit != 0 && bytes > limit)
    throw Error(
        Code::kResourceExhausted,
        fmt::format("{} its kernel asks for {} bytes for a packed variable, more than {} has (a size below zero?)",
                    where, bytes, variable.device->name().to_string()));
  variable.packed.push_back(
      std::make_unique<PackedVariable>(PackedVariable{pack, bytes, allocate_on(*variable.device, bytes), where}));
  return *variable.packed.back();
}

// What it throws names the node whose kernel has asked for it first.
void call_pack(PackFn pack, Device& device, std::span<const PackItem> items, const std::string& where) {
  const std::string text = where + " the function that packs its variable threw: ";
  try {
    pack(device, items);
  } catch (const Error& error) {
    throw Error(error.code(), text + error.what());
  } catch (const std::exception& error) {
    throw internal_error(text + error.what());
  } catch (...) {
    throw internal_error(text + "something that is no std::exception");
  }
}

}  // namespace

void allow_packed(const Plan& plan, PlanStep& step) {
  std::vector<bool>& allowed = step.context.may_be_packed_;
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    const bool is_overwritten = static_cast<int>(i) < mutated_inputs(step);  // maybe not for the first time in this run
    allowed.push_back(!is_overwritten && variable_of(plan, step.inputs[i]) != nullptr);
  }
}

void add_packed(Plan& plan, PlanStep& step) {
  step.context.may_be_packed_.clear();
  for (KernelContext::PackedInput& wanted : step.context.packed_inputs_) {
    VariableState& variable = *variable_of(plan, step.inputs[at(wanted.input)]);
    PackedVariable& packed = packed_variable(variable, wanted.pack, wanted.bytes, step.where);
    wanted.memory = packed.memory.get();
    const std::pair entry{&variable, &packed};
    if (std::find(plan.packed.begin(), plan.packed.end(), entry) == plan.packed.end()) plan.packed.push_back(entry);
  }
}

bool has_stale_packed(const Plan& plan) {
  return std::any_of(plan.packed.begin(), plan.packed.end(),
                     [](const auto& entry) { return entry.second->made_of != entry.first->changes; });
}

void make_packed(const Plan& plan) {
  // Those of one device and function together, in the plan's order.
  std::vector<std::pair<VariableState*, PackedVariable*>> stale;
  for (const auto& entry : plan.packed) {
    if (entry.second->made_of != entry.first->changes) stale.push_back(entry);
  }
  while (!stale.empty()) {
    Device& device = *stale[0].first->device;
    const PackFn pack = stale[0].second->pack;
    const auto rest = std::stable_partition(stale.begin(), stale.end(), [&](const auto& entry) {
      return entry.first->device == &device && entry.second->pack == pack;
    });
    std::vector<PackItem> items;
    for (auto entry = stale.begin(); entry != rest; ++entry)
      items.push_back({&entry->first->tensor, entry->second->memory.get()});
    call_pack(pack, device, items, stale[0].second->where);
    for (auto entry = stale.begin(); entry != rest; ++entry) entry->second->made_of = entry->first->changes;
    stale.erase(stale.begin(), rest);
  }
}

void note_changes(const Plan& plan) {
  for (VariableState* variable : plan.changed) ++variable->changes;
}

}  // namespace gradus
