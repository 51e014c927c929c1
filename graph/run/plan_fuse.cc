// Fusion of chains: a step and the only step that uses its first result become one, where the device has a kernel for both, or for
// more of the like, in one pass. What can be fused is what is registered (KernelRegistry::add_fused), and of overlapping chains the
// longest is taken. The user's graph stays as it is.
#include <algorithm>
#include <map>

#include "gradus/graph/run/plan.h"

namespace gradus {
namespace {

// Steps that a kernel can compute as one, first to last.
struct Chain {
  const KernelDef* kernel;
  std::vector<int> steps;
  std::vector<std::size_t> joints;  // per step but the first: the operand by which it takes the value of the one before

  int last() const { return steps.back(); }
};

class ChainFuser {
 public:
  ChainFuser(Plan& plan, const std::vector<int>& wanted)
      : plan_(plan), uses_(plan.values.size(), 0), waited_for_(plan.steps.size(), false) {
    for (const PlanStep& step : plan.steps) {
      if (!step.needed) continue;
      for (const int input : step.inputs) ++uses_[at(input)];
      for (const int before : step.after) waited_for_[at(before)] = true;
    }
    for (const int step : wanted) waited_for_[at(step)] = true;
    for (const auto& kernel : kernel_registry().fused()) by_last_op_[kernel->chain.back().op].push_back(kernel.get());
  }

  void run() {
    std::vector<Chain> found;
    for (int s = 0; s < static_cast<int>(plan_.steps.size()); ++s) find_chains(s, found);
    std::stable_sort(found.begin(), found.end(),
                     [](const Chain& a, const Chain& b) { return a.steps.size() > b.steps.size(); });
    // A step that has been fused lies where the last of its chain was: see waits_for_itself().
    std::map<int, Chain> by_last;
    std::vector<bool> taken(plan_.steps.size(), false);
    for (Chain& chain : found) {
      const auto is_taken = [&](int s) { return taken[at(s)]; };
      if (std::any_of(chain.steps.begin(), chain.steps.end(), is_taken) || waits_for_itself(chain)) continue;
      for (const int s : chain.steps) taken[at(s)] = true;
      by_last.emplace(chain.last(), std::move(chain));
    }
    // In the order in which the fused steps will lie. Each is asked again: what was fused since may make it wait for itself.
    for (const auto& [last, chain] : by_last) {
      if (!waits_for_itself(chain)) fuse(chain);
    }
  }

 private:
  static bool computes(const PlanStep& step) {
    return step.needed && step.kernel != nullptr && !step.is_copy && step.node().def().effect == Effect::kNone;
  }

  // All chains that end with step s.
  void find_chains(int s, std::vector<Chain>& found) const {
    const PlanStep& step = plan_.step(s);
    if (!computes(step)) return;
    const auto kernels = by_last_op_.find(step.node().op());
    if (kernels == by_last_op_.end()) return;
    for (const KernelDef* kernel : kernels->second) {
      if (kernel->device_type != step.device->name().type) continue;
      Chain chain{kernel, {s}, {}};
      if (extend(chain)) found.push_back(std::move(chain));
    }
  }

  // Adds the steps before chain.steps.front() that the kernel's chain asks for; false when they are not there.
  bool extend(Chain& chain) const {
    const std::size_t left = chain.kernel->chain.size() - chain.steps.size();
    if (left == 0) return true;
    const PlanStep& step = plan_.step(chain.steps.front());
    // It must be free to run as soon as the one before has run.
    if (!step.after.empty() || !step.node().def().host_operands.empty()) return false;
    const JointOperand joint = chain.kernel->chain[left].joint;
    if (joint == kAnyOfEqualShapes && !has_equal_shapes(step)) return false;
    const std::size_t operands =
        joint == kFirstOperand ? std::min<std::size_t>(1, step.inputs.size()) : step.inputs.size();
    for (std::size_t i = 0; i < operands; ++i) {
      const int before = producer_inside(step.inputs[i], step, chain.kernel->dtypes);
      if (before < 0 || plan_.step(before).node().op() != chain.kernel->chain[left - 1].op) continue;
      Chain longer = chain;
      longer.steps.insert(longer.steps.begin(), before);
      longer.joints.insert(longer.joints.begin(), i);
      if (!extend(longer)) continue;
      chain = std::move(longer);
      return true;
    }
    return false;
  }

  bool has_equal_shapes(const PlanStep& step) const {
    const Shape& shape = plan_.value(step.outputs[0]).shape;
    return std::all_of(step.inputs.begin(), step.inputs.end(), [&](int v) { return plan_.value(v).shape == shape; });
  }

  // The step that makes the value, where nobody but `user` would miss it; -1 otherwise.
  int producer_inside(int value, const PlanStep& user, DTypeSet dtypes) const {
    const PlanValue& v = plan_.value(value);
    if (v.producer < 0 || v.output != 0 || uses_[at(value)] != 1 || !dtypes.contains(v.dtype)) return -1;
    const PlanStep& step = plan_.step(v.producer);
    const bool hidden = !waited_for_[at(v.producer)];
    return hidden && computes(step) && step.device == user.device ? v.producer : -1;
  }

  // True when a step of the chain needs, by way of steps outside, another result of an earlier one: as one step, the chain would wait for
  // itself. A way between steps of the chain only has steps before its last one: steps come after what they need in plan_.steps, but
  // for chains that were fused before, and those end before this one does.
  bool waits_for_itself(const Chain& chain) {
    const auto in_chain = [&](int s) {
      return std::find(chain.steps.begin(), chain.steps.end(), s) != chain.steps.end();
    };
    const auto has_more = [&](int s) {
      const std::vector<int>& outputs = plan_.step(s).outputs;
      return std::any_of(outputs.begin() + 1, outputs.end(), [&](int v) { return uses_[at(v)] > 0; });
    };
    if (std::none_of(chain.steps.begin(), chain.steps.end() - 1, has_more)) return false;
    for (std::size_t k = 1; k < chain.steps.size(); ++k) {
      const std::vector<int>& inputs = plan_.step(chain.steps[k]).inputs;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (i != chain.joints[k - 1] && in_chain(plan_.value(inputs[i]).producer)) return true;
      }
    }
    if (next_.empty()) {
      next_ = successors(plan_);
      visited_.assign(plan_.steps.size(), 0);
    }
    ++search_;
    std::vector<int> stack;
    const auto push_successors = [&](int s) {
      for (const int next : next_[at(s)]) {
        if (next <= chain.last()) stack.push_back(next);
      }
    };
    for (const int s : chain.steps) push_successors(s);
    std::erase_if(stack, in_chain);
    while (!stack.empty()) {
      const int s = stack.back();
      stack.pop_back();
      if (in_chain(s)) return true;
      if (visited_[at(s)] == search_) continue;
      const auto group = groups_.find(s);
      for (const int member : group != groups_.end() ? *group->second : std::vector<int>{s}) {
        visited_[at(member)] = search_;
        push_successors(member);
      }
    }
    return false;
  }

  void fuse(const Chain& chain) {
    PlanStep fused = joined_step(plan_, chain.steps, chain.kernel);
    fused.after = plan_.step(chain.steps[0]).after;
    std::vector<KernelNode>& nodes = fused.context.nodes_;
    for (std::size_t k = 0; k < chain.steps.size(); ++k) {
      groups_[chain.steps[k]] = &chain.steps;
      const std::vector<int>& inputs = plan_.step(chain.steps[k]).inputs;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        const bool is_passed_on = k > 0 && chain.joints[k - 1] == i;
        nodes[k].operands.push_back(is_passed_on ? kPassedOn : static_cast<int>(fused.inputs.size()));
        if (!is_passed_on) fused.inputs.push_back(inputs[i]);
      }
    }
    join_results(plan_, chain.steps, chain.steps.size() - 1, fused);
    for (std::size_t k = 0; k + 1 < chain.steps.size(); ++k) {
      nodes[k].results.push_back(kPassedOn);
      join_results(plan_, chain.steps, k, fused, 1);
    }
    plan_.step(chain.last()) = std::move(fused);
  }

  Plan& plan_;
  std::vector<int> uses_;         // per value: by needed steps
  std::vector<bool> waited_for_;  // per step: by control dependencies, fetches or targets
  std::map<std::string_view, std::vector<const KernelDef*>> by_last_op_;
  std::vector<std::vector<int>> next_;  // successors before the first was fused; only where they are asked for
  std::map<int, const std::vector<int>*> groups_;  // the chain of each step that has been fused
  std::vector<int> visited_;
  int search_ = 0;
};

}  // namespace

void fuse_chains(Plan& plan, const std::vector<int>& wanted) {
  if (plan.steps.size() > 1 && !kernel_registry().fused().empty()) ChainFuser(plan, wanted).run();
}

}  // namespace gradus
