// Many updates in one step: assignments of one op with equal attributes, each of variables of its own, become one step where the device
// has a kernel for any number of them (KernelRegistry::add_batched). A training step thus ends in one kernel instead of one per
// variable.
//
// Which may be joined: the rank of a step is the greatest number of such updates on a way to it. Updates of one rank do not need each
// other, and every way through a batch leads from one rank to a higher one, so that no steps can wait in a circle.
#include <algorithm>
#include <map>
#include <tuple>

#include "gradus/graph/run/plan.h"

namespace gradus {
namespace {

class UpdateBatcher {
 public:
  explicit UpdateBatcher(Plan& plan) : plan_(plan), kernels_(plan.steps.size(), nullptr) {}

  void run() {
    if (!find_updates()) return;
    find_successors();
    find_ranks();
    std::vector<std::vector<int>> batches;
    for (int s = 0; s < count(); ++s) {
      if (kernels_[at(s)] != nullptr && is_ranked_[at(s)]) add_to_batch(s, batches);
    }
    std::map<int, int> joined;  // step -> the one that it has become part of
    for (const std::vector<int>& batch : batches) {
      if (batch.size() < 2) continue;
      for (const int s : batch) joined[s] = batch.back();
      join(batch);
    }
    if (joined.empty()) return;
    for (PlanStep& step : plan_.steps) {
      if (step.needed) replace(step.after, joined);
    }
  }

 private:
  int count() const { return static_cast<int>(plan_.steps.size()); }

  static DType kernel_dtype(const Plan& plan, const PlanStep& step) {
    const int operand = step.node().def().kernel_dtype;
    return plan.value(operand == kDTypeOfOutput ? step.outputs.at(0) : step.inputs.at(at(operand))).dtype;
  }

  // Those that have a kernel for many and whose variables nothing else assigns; false when there are not two.
  bool find_updates() {
    std::unordered_map<int, int> writers;  // per variable
    for (const PlanStep& step : plan_.steps) {
      for (std::size_t i = 0; step.needed && i < step.versions.size(); ++i) ++writers[step.inputs[i]];
    }
    int found = 0;
    for (int s = 0; s < count(); ++s) {
      const PlanStep& step = plan_.step(s);
      if (!step.needed || step.versions.empty() || !step.node().def().host_operands.empty()) continue;
      const auto others = step.inputs.begin() + static_cast<std::ptrdiff_t>(step.versions.size());
      const bool is_alone = std::all_of(step.inputs.begin(), others, [&](int variable) {
        return writers.at(variable) == 1 && std::find(others, step.inputs.end(), variable) == step.inputs.end();
      });
      if (!is_alone) continue;
      kernels_[at(s)] =
          kernel_registry().find_batched(step.node().op(), step.device->name().type, kernel_dtype(plan_, step));
      if (kernels_[at(s)] != nullptr) ++found;
    }
    return found >= 2;
  }

  // Who reads a variable comes before the update that overwrites it, like everything else that comes before.
  void find_successors() {
    next_ = successors(plan_);
    std::unordered_map<int, int> overwriters;  // variable -> update
    for (int s = 0; s < count(); ++s) {
      for (std::size_t i = 0; kernels_[at(s)] != nullptr && i < plan_.step(s).versions.size(); ++i)
        overwriters[plan_.step(s).inputs[i]] = s;
    }
    for (int s = 0; s < count(); ++s) {
      if (!plan_.step(s).needed) continue;
      for (const int input : plan_.step(s).inputs) {
        if (const auto found = overwriters.find(input); found != overwriters.end() && found->second != s)
          next_[at(s)].push_back(found->second);
      }
    }
  }

  // Where a reader needs the update as well, neither gets a rank, nor does what comes after them.
  void find_ranks() {
    rank_.assign(plan_.steps.size(), 0);
    is_ranked_.assign(plan_.steps.size(), false);
    std::vector<int> pending(plan_.steps.size(), 0), ready;
    for (const std::vector<int>& after : next_) {
      for (const int s : after) ++pending[at(s)];
    }
    for (int s = 0; s < count(); ++s) {
      if (plan_.step(s).needed && pending[at(s)] == 0) ready.push_back(s);
    }
    while (!ready.empty()) {
      const int s = ready.back();
      ready.pop_back();
      is_ranked_[at(s)] = true;
      const int after = rank_[at(s)] + (kernels_[at(s)] != nullptr ? 1 : 0);
      for (const int next : next_[at(s)]) {
        rank_[at(next)] = std::max(rank_[at(next)], after);
        if (--pending[at(next)] == 0) ready.push_back(next);
      }
    }
  }

  void add_to_batch(int s, std::vector<std::vector<int>>& batches) {
    const PlanStep& step = plan_.step(s);
    std::vector<std::size_t>& alike =
        batch_of_[{kernels_[at(s)], step.device, rank_[at(s)], step.node().attrs().hash()}];
    for (const std::size_t batch : alike) {
      if (!(plan_.step(batches[batch][0]).node().attrs() == step.node().attrs())) continue;
      batches[batch].push_back(s);
      return;
    }
    alike.push_back(batches.size());
    batches.push_back({s});
  }

  // The inputs are the variables of all, then the other operands of all.
  void join(const std::vector<int>& batch) {
    PlanStep joined = joined_step(plan_, batch, kernels_[at(batch.back())]);
    const auto add_operands = [&](std::size_t k, std::size_t begin, std::size_t end) {
      const std::vector<int>& inputs = plan_.step(batch[k]).inputs;
      for (std::size_t i = begin; i < end; ++i) {
        joined.context.nodes_[k].operands.push_back(static_cast<int>(joined.inputs.size()));
        joined.inputs.push_back(inputs[i]);
      }
    };
    for (std::size_t k = 0; k < batch.size(); ++k) {
      const PlanStep& step = plan_.step(batch[k]);
      add_operands(k, 0, step.versions.size());
      for (const int version : step.versions) plan_.value(version).producer = batch.back();
      joined.versions.insert(joined.versions.end(), step.versions.begin(), step.versions.end());
      join_results(plan_, batch, k, joined);
      joined.after.insert(joined.after.end(), step.after.begin(), step.after.end());
    }
    for (std::size_t k = 0; k < batch.size(); ++k)
      add_operands(k, plan_.step(batch[k]).versions.size(), plan_.step(batch[k]).inputs.size());
    plan_.step(batch.back()) = std::move(joined);
  }

  static void replace(std::vector<int>& steps, const std::map<int, int>& joined) {
    bool changed = false;
    for (int& s : steps) {
      const auto found = joined.find(s);
      if (found == joined.end()) continue;
      s = found->second;
      changed = true;
    }
    if (!changed) return;
    std::sort(steps.begin(), steps.end());
    steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  }

  Plan& plan_;
  std::vector<const KernelDef*> kernels_;  // per step: of many such updates; nullptr for all other steps
  std::vector<std::vector<int>> next_;
  std::vector<int> rank_;
  std::vector<bool> is_ranked_;
  std::map<std::tuple<const KernelDef*, Device*, int, std::size_t>, std::vector<std::size_t>> batch_of_;
};

}  // namespace

void batch_updates(Plan& plan) { UpdateBatcher(plan).run(); }

}  // namespace gradus
