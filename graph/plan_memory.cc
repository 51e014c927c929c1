// Memory of a plan: views share their input's memory, element-wise results take over an input that nobody needs any more, and
// the rest is laid out in one arena per device by lifetime (largest first, lowest free offset).
#include <algorithm>
#include <limits>
#include <set>

#include "gradus/graph/plan.h"

namespace gradus {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr int kForever = std::numeric_limits<int>::max();

void share_views(Plan& plan) {
  std::set<int> changed;  // variables that the plan overwrites: a view of one must be a copy
  for (const int s : plan.order) {
    const PlanStep& step = plan.step(s);
    for (int i = 0; i < mutated_inputs(step); ++i) changed.insert(plan.root(step.inputs[static_cast<std::size_t>(i)]));
  }
  for (const int s : plan.order) {
    PlanStep& step = plan.step(s);
    if (step.is_copy || step.node->def().kind != OpKind::kView) continue;
    const int input = step.inputs.at(0);
    PlanValue& output = plan.value(step.outputs.at(0));
    const PlanValue& root = plan.value(plan.root(input));
    const bool same_device = root.device == step.device || root.device == nullptr;
    if (!same_device || output.bytes != plan.value(input).bytes || changed.contains(plan.root(input))) continue;
    output.alias_of = input;
    step.aliased = true;
  }
}

void find_lifetimes(Plan& plan) {
  for (int position = 0; position < static_cast<int>(plan.order.size()); ++position) {
    const PlanStep& step = plan.step(plan.order[static_cast<std::size_t>(position)]);
    for (int id : step.outputs) {
      PlanValue& root = plan.value(plan.root(id));
      if (root.first_use < 0) root.first_use = position;
      root.last_use = std::max(root.last_use, position);
    }
    for (int id : step.inputs) {
      PlanValue& root = plan.value(plan.root(id));
      root.last_use = std::max(root.last_use, position);
    }
  }
  for (int id : plan.fetch_values) plan.value(plan.root(id)).last_use = kForever;
}

void share_in_place(Plan& plan) {
  for (int position = 0; position < static_cast<int>(plan.order.size()); ++position) {
    const PlanStep& step = plan.step(plan.order[static_cast<std::size_t>(position)]);
    if (step.is_copy || step.aliased || step.outputs.empty()) continue;
    PlanValue& output = plan.value(step.outputs[0]);
    if (output.alias_of >= 0) continue;
    for (const int i : first_node(step).def().inplace_inputs) {
      if (i >= static_cast<int>(step.inputs.size())) continue;
      const int root_id = plan.root(step.inputs[static_cast<std::size_t>(i)]);
      PlanValue& root = plan.value(root_id);
      if (root.storage != Storage::kArena || root.last_use != position || root.bytes != output.bytes) continue;
      if (root.device != output.device || dtype_size(root.dtype) != dtype_size(output.dtype)) continue;
      output.alias_of = root_id;
      root.last_use = output.last_use;
      break;
    }
  }
}

void lay_out(Plan& plan) {
  std::vector<int> roots;
  for (const int s : plan.order) {
    for (const int id : plan.step(s).outputs) {
      const PlanValue& v = plan.value(id);
      if (v.alias_of < 0 && v.storage == Storage::kArena && v.bytes > 0) roots.push_back(id);
    }
  }
  std::stable_sort(roots.begin(), roots.end(), [&](int a, int b) { return plan.value(a).bytes > plan.value(b).bytes; });
  std::vector<int> placed;
  std::vector<std::pair<std::size_t, std::size_t>> taken;
  for (const int id : roots) {
    PlanValue& v = plan.value(id);
    const std::size_t size = (v.bytes + kAlignment - 1) / kAlignment * kAlignment;
    taken.clear();
    for (const int other : placed) {
      const PlanValue& o = plan.value(other);
      if (o.device == v.device && o.first_use <= v.last_use && v.first_use <= o.last_use) {
        taken.emplace_back(o.offset, o.offset + (o.bytes + kAlignment - 1) / kAlignment * kAlignment);
      }
    }
    std::sort(taken.begin(), taken.end());
    std::size_t offset = 0;
    for (const auto& [begin, end] : taken) {
      if (offset + size <= begin) break;
      offset = std::max(offset, end);
    }
    v.offset = offset;
    placed.push_back(id);
    std::size_t& arena = plan.arena_bytes[v.device];
    arena = std::max(arena, offset + size);
  }
}

}  // namespace

void assign_memory(Plan& plan, const SessionOptions& options) {
  // Poisoned tests run every kernel into memory of its own; check_numerics wants to show the inputs of the guilty node.
  const bool share = options.optimize && !options.poison_outputs;
  if (share) share_views(plan);
  find_lifetimes(plan);
  if (!options.optimize) {
    for (PlanValue& value : plan.values) value.last_use = kForever;
  }
  if (share && !options.check_numerics) share_in_place(plan);
  lay_out(plan);
}

}  // namespace gradus
