// Memory of a plan: views share their input's memory, element-wise results take over an input that nobody needs any more, and
// the rest is laid out in one arena per device by lifetime (largest first, lowest free offset).
#include <algorithm>
#include <limits>
#include <queue>
#include <tuple>

#include "gradus/graph/run/plan.h"

namespace gradus {
namespace {

constexpr std::size_t kAlignment = 64;
// Values that are laid out by comparing every pair; any CNN has fewer.
constexpr std::size_t kMaxLarge = 1000;
constexpr int kForever = std::numeric_limits<int>::max();

// Positions in the order at which each variable's memory changes.
std::unordered_map<int, std::vector<int>> change_positions(const Plan& plan) {
  std::unordered_map<int, std::vector<int>> changes;
  for (int position = 0; position < static_cast<int>(plan.order.size()); ++position) {
    const PlanStep& step = plan.step(plan.order[static_cast<std::size_t>(position)]);
    for (std::size_t i = 0; i < step.versions.size(); ++i) changes[step.inputs[i]].push_back(position);
  }
  return changes;
}

bool is_view(const PlanStep& step) { return !step.is_copy && step.node().def().kind == OpKind::kView; }

// Per value: the position up to which it must keep its bits, if every view of it shares its memory.
std::vector<int> last_reads(const Plan& plan) {
  std::vector<int> last(plan.values.size(), -1);
  for (const int id : plan.fetch_values) last[static_cast<std::size_t>(id)] = kForever;
  for (int position = static_cast<int>(plan.order.size()) - 1; position >= 0; --position) {
    const PlanStep& step = plan.step(plan.order[static_cast<std::size_t>(position)]);
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      int& read = last[static_cast<std::size_t>(step.inputs[i])];
      read = std::max(read, position);
      if (i == 0 && is_view(step)) read = std::max(read, last[static_cast<std::size_t>(step.outputs.at(0))]);
    }
  }
  return last;
}

void share_views(Plan& plan) {
  const std::unordered_map<int, std::vector<int>> changes = change_positions(plan);
  const std::vector<int> last = last_reads(plan);
  // A view of a variable may share its memory when it is read before the next assignment; one that changes nothing else may read
  // what it overwrites, element by element.
  const auto outlived = [&](int root, int position, int output) {
    const auto found = changes.find(root);
    if (found == changes.end()) return false;
    const auto next = std::upper_bound(found->second.begin(), found->second.end(), position);
    if (next == found->second.end()) return false;
    const bool may_read = plan.step(plan.order[static_cast<std::size_t>(*next)]).versions.size() == 1;
    return last[static_cast<std::size_t>(output)] > *next - (may_read ? 0 : 1);
  };
  for (int position = 0; position < static_cast<int>(plan.order.size()); ++position) {
    PlanStep& step = plan.step(plan.order[static_cast<std::size_t>(position)]);
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
    // A step of several nodes reads its other inputs while it writes, in an order of its own.
    const auto reads = [&](int root_id) {
      return std::count_if(step.inputs.begin(), step.inputs.end(), [&](int id) { return plan.root(id) == root_id; });
    };
    for (const int i : step.first_node().def().inplace_inputs) {
      if (i >= static_cast<int>(step.inputs.size())) continue;
      const int root_id = plan.root(step.inputs[static_cast<std::size_t>(i)]);
      if (step.nodes.size() > 1 && reads(root_id) > 1) continue;
      PlanValue& root = plan.value(root_id);
      if (root.storage != Storage::kArena || root.last_use != position || root.bytes != output.bytes) continue;
      if (root.device != output.device || dtype_size(root.dtype) != dtype_size(output.dtype)) continue;
      output.alias_of = root_id;
      root.last_use = output.last_use;
      break;
    }
  }
}

std::size_t rounded(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Largest first, at the lowest offset that is free for as long as the value lives. Compares every pair, so it is for the few
// values that fill the arena.
void lay_out_large(Plan& plan, const std::vector<int>& ids) {
  std::vector<std::pair<std::size_t, std::size_t>> taken;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    PlanValue& v = plan.value(ids[i]);
    taken.clear();
    for (std::size_t k = 0; k < i; ++k) {
      const PlanValue& o = plan.value(ids[k]);
      if (o.device == v.device && o.first_use <= v.last_use && v.first_use <= o.last_use) {
        taken.emplace_back(o.offset, o.offset + rounded(o.bytes));
      }
    }
    std::sort(taken.begin(), taken.end());
    v.offset = 0;
    for (const auto& [begin, end] : taken) {
      if (v.offset + rounded(v.bytes) <= begin) break;
      v.offset = std::max(v.offset, end);
    }
    std::size_t& arena = plan.arena_bytes[v.device];
    arena = std::max(arena, v.offset + rounded(v.bytes));
  }
}

// The many small ones lie behind the large ones, each in the smallest piece that is free when it is made.
void lay_out_small(Plan& plan, std::vector<int> ids) {
  std::stable_sort(ids.begin(), ids.end(),
                   [&](int a, int b) { return plan.value(a).first_use < plan.value(b).first_use; });
  using Ending = std::tuple<int, Device*, std::size_t, std::size_t>;  // last use; piece's device, offset, size
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> alive;
  std::map<std::pair<Device*, std::size_t>, std::vector<std::size_t>> free;  // device, size -> offsets
  for (const int id : ids) {
    PlanValue& v = plan.value(id);
    while (!alive.empty() && std::get<0>(alive.top()) < v.first_use) {
      const auto& [last_use, device, offset, size] = alive.top();
      free[{device, size}].push_back(offset);
      alive.pop();
    }
    std::size_t size = rounded(v.bytes);
    const auto piece = free.lower_bound({v.device, size});
    if (piece != free.end() && piece->first.first == v.device) {
      size = piece->first.second;
      v.offset = piece->second.back();
      piece->second.pop_back();
      if (piece->second.empty()) free.erase(piece);
    } else {
      std::size_t& arena = plan.arena_bytes[v.device];
      v.offset = arena;
      arena += size;
    }
    alive.emplace(v.last_use, v.device, v.offset, size);
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
  const auto small = roots.begin() + static_cast<std::ptrdiff_t>(std::min(roots.size(), kMaxLarge));
  lay_out_large(plan, {roots.begin(), small});
  lay_out_small(plan, {small, roots.end()});
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
