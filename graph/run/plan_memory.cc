// Which results of a plan lie in the memory of other values: views share their input's memory, and results of element-wise ops and
// the like (OpDef::inplace_inputs) take over an input that nobody needs any more.
#include <algorithm>

#include "gradus/graph/run/plan.h"
#include "gradus/graph/run/plan_lifetimes.h"

namespace gradus {
namespace {

// Positions in the order at which each variable's memory changes.
std::unordered_map<int, std::vector<int>> change_positions(const Plan& plan) {
  std::unordered_map<int, std::vector<int>> changes;
  for (int position = 0; position < static_cast<int>(plan.order.size()); ++position) {
    const PlanStep& step = plan.step(plan.order[at(position)]);
    for (std::size_t i = 0; i < step.versions.size(); ++i) changes[step.inputs[i]].push_back(position);
  }
  return changes;
}

bool is_view(const PlanStep& step) { return !step.is_copy && step.node().def().kind == OpKind::kView; }

// Per value and stream: the position up to which the value must keep its bits, if every view of it shares its memory.
std::vector<int> last_reads(const Plan& plan, const StepOrder& order) {
  const int streams = order.num_streams();
  std::vector<int> reads(plan.values.size() * static_cast<std::size_t>(streams), -1);
  const auto last = [&](int value, int stream) -> int& { return reads[at(value * streams + stream)]; };
  for (const int id : plan.fetch_values) last(id, 0) = kForever;
  for (int position = static_cast<int>(plan.order.size()) - 1; position >= 0; --position) {
    const PlanStep& step = plan.step(plan.order[at(position)]);
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      int& read = last(step.inputs[i], order.stream(position));
      read = std::max(read, position);
    }
    for (int k = 0; k < streams && is_view(step); ++k) {
      int& read = last(step.inputs.at(0), k);
      read = std::max(read, last(step.outputs.at(0), k));
    }
  }
  return reads;
}

void share_views(Plan& plan, const StepOrder& order) {
  const std::unordered_map<int, std::vector<int>> changes = change_positions(plan);
  const std::vector<int> last = last_reads(plan, order);
  // A view of a variable may share its memory when it is read before the next assignment; one that changes nothing else may read
  // what it overwrites, element by element.
  const auto outlived = [&](int root, int position, int output) {
    const auto found = changes.find(root);
    if (found == changes.end()) return false;
    const auto next = std::upper_bound(found->second.begin(), found->second.end(), position);
    if (next == found->second.end()) return false;
    const bool may_read = plan.step(plan.order[at(*next)]).versions.size() == 1;
    for (int k = 0; k < order.num_streams(); ++k) {
      const int read = last[at(output * order.num_streams() + k)];
      if (read >= 0 && !order.before(read, *next) && !(may_read && read == *next)) return true;
    }
    return false;
  };
  for (int position = 0; position < static_cast<int>(plan.order.size()); ++position) {
    PlanStep& step = plan.step(plan.order[at(position)]);
    if (!is_view(step)) continue;
    const int input = step.inputs.at(0);
    PlanValue& output = plan.value(step.outputs.at(0));
    const int root_id = plan.root(input);
    const PlanValue& root = plan.value(root_id);
    const bool same_device = root.device == step.device || root.device == nullptr;
    if (!same_device || output.bytes != plan.value(input).bytes || outlived(root_id, position, step.outputs[0]))
      continue;
    output.alias_of = root_id;
    step.aliased = true;
  }
}

void share_in_place(Plan& plan, Lifetimes& lifetimes) {
  for (int position = 0; position < static_cast<int>(plan.order.size()); ++position) {
    const PlanStep& step = plan.step(plan.order[at(position)]);
    if (step.is_copy || step.aliased || step.outputs.empty()) continue;
    PlanValue& output = plan.value(step.outputs[0]);
    if (output.alias_of >= 0) continue;
    // A step of several nodes reads its other inputs while it writes, in an order of its own.
    const auto reads = [&](int root_id) {
      return std::count_if(step.inputs.begin(), step.inputs.end(), [&](int id) { return plan.root(id) == root_id; });
    };
    for (const int i : step.first_node().def().inplace_inputs) {
      if (i >= static_cast<int>(step.inputs.size())) continue;
      const int root_id = plan.root(step.inputs[at(i)]);
      if (step.nodes.size() > 1 && reads(root_id) > 1) continue;
      const PlanValue& root = plan.value(root_id);
      if (root.storage != Storage::kArena || root.bytes != output.bytes) continue;
      if (!lifetimes.ends_before(root_id, position, /*may_use=*/true)) continue;
      if (root.device != output.device || dtype_size(root.dtype) != dtype_size(output.dtype)) continue;
      output.alias_of = root_id;
      lifetimes.add_uses(root_id, step.outputs[0]);
      break;
    }
  }
}

}  // namespace

void share_memory(Plan& plan, const SessionOptions& options) {
  // Poisoned tests run every kernel into memory of its own; check_numerics wants to show the inputs of the guilty node.
  if (!options.optimize || options.poison_outputs) return;
  const StepOrder order(plan);
  share_views(plan, order);
  if (options.check_numerics) return;
  Lifetimes lifetimes(plan, order);
  share_in_place(plan, lifetimes);
}

}  // namespace gradus
