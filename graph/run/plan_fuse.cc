// Fusion: a step and the only step that uses its result become one, where the device has a kernel for both in one pass. What can be
// fused is what is registered: a kernel by the joined name, such as "BiasAdd+Relu". The user's graph stays as it is.
#include <fmt/format.h>

#include <algorithm>

#include "gradus/graph/run/plan.h"

namespace gradus {
namespace {

class Fuser {
 public:
  Fuser(Plan& plan, const std::vector<int>& wanted) : plan_(plan), uses_(plan.values.size(), 0) {
    waited_for_.assign(plan.steps.size(), false);
    for (const PlanStep& step : plan.steps) {
      if (!step.needed) continue;
      for (const int input : step.inputs) ++uses_[static_cast<std::size_t>(input)];
      for (const int before : step.after) waited_for_[static_cast<std::size_t>(before)] = true;
    }
    for (const int step : wanted) waited_for_[static_cast<std::size_t>(step)] = true;
  }

  // Producers come before their consumers, so that chains grow from their beginning.
  void run() {
    for (PlanStep& step : plan_.steps) {
      if (can_be_second(step)) fuse_with_producer(step);
    }
  }

 private:
  static bool computes(const PlanStep& step) {
    return step.needed && step.kernel != nullptr && !step.is_copy && step.node->def().effect == Effect::kNone &&
           step.outputs.size() == 1;
  }
  // With a single operand, and nothing else to wait for, it may run as soon as its producer does.
  static bool can_be_second(const PlanStep& step) {
    return computes(step) && step.inputs.size() == 1 && step.after.empty();
  }

  void fuse_with_producer(PlanStep& second) {
    const int joint = second.inputs[0];
    const int producer = plan_.value(joint).producer;
    if (producer < 0 || uses_[static_cast<std::size_t>(joint)] != 1) return;
    PlanStep& first = plan_.step(producer);
    if (!computes(first) || first.device != second.device || waited_for_[static_cast<std::size_t>(producer)]) return;
    const KernelDef* kernel = kernel_registry().find(first.kernel->op + "+" + second.kernel->op,
                                                     second.device->name().type, plan_.value(joint).dtype);
    if (kernel == nullptr) return;
    second.kernel = kernel;
    second.inputs = first.inputs;
    second.after = first.after;
    second.fused = first.fused;
    second.fused.push_back(first.node);
    first.needed = false;
    plan_.notes.push_back({first.node, joint, "fused into '" + second.node->name() + "'"});
  }

  Plan& plan_;
  std::vector<int> uses_;         // per value: by needed steps
  std::vector<bool> waited_for_;  // per step: by control dependencies, fetches or targets
};

}  // namespace

void fuse_steps(Plan& plan, const std::vector<int>& wanted) { Fuser(plan, wanted).run(); }

}  // namespace gradus
