// compile_plan: from a graph and a signature to steps with kernels. The phases, in order: prune to the needed nodes; per node
// (inputs first) infer, place, fold or share or emit a step; fuse chains and batch updates; order; share memory; prepare the kernels; lay
// out memory. This file decides for every node what becomes of it; the others named plan_* have a phase each, or keep what the decisions
// need.
#include <fmt/format.h>

#include <algorithm>

#include "gradus/graph/constant_attrs.h"
#include "gradus/graph/graph_mutex.h"
#include "gradus/graph/run/plan.h"
#include "gradus/graph/run/plan_fold.h"
#include "gradus/graph/run/plan_infer.h"
#include "gradus/graph/run/plan_nodes.h"
#include "gradus/graph/run/plan_steps.h"

namespace gradus {
namespace {

class PlanBuilder {
 public:
  explicit PlanBuilder(const CompileRequest& request)
      : r_(request), plan_(std::make_unique<Plan>()), inference_(request.feeds), steps_(*plan_, request.devices) {}

  std::unique_ptr<Plan> build() {
    const std::shared_lock lock(r_.graph.mutex());
    write_signature();
    const std::vector<const Node*> nodes = needed_nodes(r_, inference_);
    nodes_ = NodeTable(nodes);
    plan_->values.reserve(nodes_.num_outputs());
    plan_->steps.reserve(nodes.size());
    for (const Node* node : nodes) add(*node);
    finish_signature();
    const std::vector<int> wanted = wanted_steps();
    mark_needed_steps(*plan_, wanted);
    if (r_.options.optimize && !r_.options.check_numerics) {  // check_numerics looks at every node
      fuse_chains(*plan_, wanted);
      batch_updates(*plan_);
    }
    order_steps(*plan_);
    if (r_.assign_streams) r_.assign_streams(*plan_);
    share_memory(*plan_, r_.options);
    prepare_kernels(*plan_, r_.options);  // these ask for scratch memory, which is laid out like results
    lay_out_memory(*plan_, r_.options);
    return std::move(plan_);
  }

 private:
  void write_signature() {
    for (const auto& [output, tensor] : r_.feeds) {
      plan_->feeds.push_back(output);
      plan_->feed_shapes.push_back(tensor.shape());
    }
    plan_->fetches = r_.fetches;
    plan_->targets = r_.targets;
    plan_->feed_values.assign(r_.feeds.size(), -1);
  }

  // --- one node ---

  void add(const Node& node) {
    const OpKind kind = node.def().kind;
    if (kind == OpKind::kPlaceholder) {
      throw invalid_argument(fmt::format("{} must be fed: {}", node.where(), type_text(node.output_info(0))));
    }
    inference_.infer(node);
    if (kind == OpKind::kConstant) {
      const std::vector<int> controls = control_steps(node);
      const Tensor& tensor = node.attrs_as<ConstantAttrs>().value;
      const int id = controls.empty() ? add_shared_constant(node, tensor) : steps_.add_constant(node, tensor);
      nodes_.value(node, 0) = id;
      wait_for(node, id, controls);
    } else if (kind == OpKind::kVariable) {
      add_variable(node);
      wait_for(node, nodes_.value(node, 0), control_steps(node));
    } else {
      add_computation(node);
    }
  }

  std::vector<int> control_steps(const Node& node) {
    std::vector<int> steps;
    for (Node* control : node.control_inputs()) {
      if (!waits_for(r_, inference_, *control)) continue;
      if (const int step = nodes_.step_if_any(*control); step >= 0) steps.push_back(step);
    }
    return steps;
  }

  // The value of the node, which no step computes, counts as there once `steps` have run.
  void wait_for(const Node& node, int id, const std::vector<int>& steps) {
    if (steps.empty()) return;
    nodes_.step(node) = steps_.wait_for(node, id, steps, r_.devices.get(DeviceName::parse(r_.options.device)));
  }

  // Constants with the same bits are one: every `x + 1.0` of the user makes a constant of its own.
  int add_shared_constant(const Node& node, const Tensor& tensor) {
    int* const same = r_.options.optimize ? shared_.constant(tensor) : nullptr;
    if (same == nullptr) return steps_.add_constant(node, tensor);
    if (*same < 0) {
      *same = steps_.add_constant(node, tensor);
    } else {
      add_note(node, *same, "shared: same as '" + value(*same).source->name() + "'");
    }
    return *same;
  }

  void add_variable(const Node& node) {
    const TensorInfo& info = node.output_info(0);
    if (!r_.variables.contains(&node)) {
      const Placement placement = asked_device(node, r_.options, r_.devices);
      auto state = std::make_unique<VariableState>();
      state->device = placement.device;
      state->reason = placement.reason;
      const std::size_t bytes = Tensor(Buffer(), 0, info.dtype, info.shape).bytes();
      state->tensor = Tensor(allocate_on(*placement.device, bytes), 0, info.dtype, info.shape);
      r_.variables.emplace(&node,
                           std::move(state));  // only now: none of this leaves half a variable behind when it throws
    }
    VariableState* state = r_.variables.at(&node).get();
    PlanValue value{.dtype = info.dtype, .shape = info.shape, .storage = Storage::kVariable, .device = state->device};
    value.source = &node;
    value.variable = state;
    nodes_.value(node, 0) = add_value(*plan_, std::move(value));
    plan_->variables.push_back(const_cast<Node*>(&node));
  }

  int value_for(const Output& output) {
    const int feed = inference_.feed_index(output);
    if (feed < 0) return nodes_.value(output.node(), output.index());
    int& value = plan_->feed_values[at(feed)];
    if (value < 0) {
      const TensorInfo info = inference_.info(output);
      value = add_value(
          *plan_, {.dtype = info.dtype, .shape = info.shape, .storage = Storage::kFeed, .source = &output.node()});
    }
    return value;
  }

  void add_computation(const Node& node) {
    std::vector<int> inputs;
    for (const Output& input : node.inputs()) inputs.push_back(value_for(input));
    std::vector<int> after = control_steps(node);
    steps_.read_versions(node, after, inputs);
    if (fold_value(node, inputs)) return;
    const Placement placement = place(node, r_.options, r_.devices, changed_device(*plan_, node, inputs));
    steps_.add_ready_steps(inputs, after);
    PlanStep step{.nodes = {&node}, .device = placement.device, .reason = placement.reason, .kernel = placement.kernel};
    step.inputs = steps_.on_device(node.def(), inputs, placement.device);
    step.after = std::move(after);
    if (share(node, step.inputs, placement.device)) return;
    if (fold_kernel(node, step.inputs, placement)) return;

    const int index = steps_.add(std::move(step), inference_.results_of(node));
    for (int i = 0; i < node.num_outputs(); ++i) nodes_.value(node, i) = plan_->step(index).outputs[at(i)];
    nodes_.step(node) = index;
    if (is_pure(node)) shared_.add(node, plan_->step(index).inputs, placement.device, index);
  }

  // --- folding and sharing ---

  bool is_pure(const Node& node) const {
    return r_.options.optimize && node.def().effect == Effect::kNone && node.control_inputs().empty() &&
           node.num_outputs() > 0 && node.def().kind != OpKind::kNoOp;
  }

  void add_note(const Node& node, int value, std::string text) {
    plan_->notes.push_back({&node, value, std::move(text)});
  }

  // The operands that are constants; nullptr for others, and for those that only `device` can read unless that is wanted.
  std::vector<const Tensor*> constants_of(const std::vector<int>& inputs, const Device* device) {
    std::vector<const Tensor*> tensors;
    for (int i : inputs) {
      const bool readable = value(i).device == nullptr || value(i).device == device;
      const bool known = value(i).storage == Storage::kConstant && readable && !steps_.waits(i);
      tensors.push_back(known ? &value(i).tensor : nullptr);
    }
    return tensors;
  }

  bool fold_value(const Node& node, const std::vector<int>& inputs) {
    if (!is_pure(node) || node.num_outputs() != 1) return false;
    std::vector<TensorInfo> infos;
    for (int i : inputs) infos.push_back({value(i).dtype, value(i).shape});
    const auto folded =
        fold_by_value(node, inference_.results_of(node)[0], std::move(infos), constants_of(inputs, nullptr));
    if (!folded) return false;
    const int id = steps_.add_constant(node, *folded);
    nodes_.value(node, 0) = id;
    add_note(node, id, "folded: its value is known from shapes and constants");
    // The inputs need not be computed, but what they print, check or assign on the way must happen.
    std::vector<int> before;
    steps_.add_ready_steps(inputs, before);
    for (const int i : inputs) {
      if (value(i).producer >= 0) before.push_back(value(i).producer);
    }
    std::erase_if(before, [&](int s) { return !steps_.has_effect(s); });
    wait_for(node, id, before);
    return true;
  }

  // check_numerics looks at every node while the plan runs.
  bool fold_kernel(const Node& node, const std::vector<int>& inputs, const Placement& placement) {
    if (!is_pure(node) || r_.options.check_numerics) return false;
    const std::vector<const Tensor*> constants = constants_of(inputs, placement.device);
    if (std::find(constants.begin(), constants.end(), nullptr) != constants.end()) return false;
    const auto folded = fold_by_kernel(node, placement, inference_.results_of(node), constants);
    if (!folded) return false;
    for (int i = 0; i < node.num_outputs(); ++i) {
      nodes_.value(node, i) = steps_.add_constant(node, (*folded)[at(i)],
                                                  placement.device->uses_host_memory() ? nullptr : placement.device);
    }
    add_note(node, nodes_.value(node, 0), "folded: computed once from constants");
    return true;
  }

  bool share(const Node& node, const std::vector<int>& inputs, Device* device) {
    const int index = is_pure(node) ? shared_.find(*plan_, node, inputs, device) : -1;
    if (index < 0) return false;
    const PlanStep& step = plan_->step(index);
    for (int i = 0; i < node.num_outputs(); ++i) nodes_.value(node, i) = step.outputs[at(i)];
    nodes_.step(node) = index;
    add_note(node, step.outputs[0], "shared: same as '" + step.node().name() + "'");
    return true;
  }

  // --- the end ---

  void finish_signature() {
    for (const Output& fetch : r_.fetches) plan_->fetch_values.push_back(value_for(fetch));
    for (const std::size_t i : inference_.value_feeds()) {
      plan_->value_feeds.emplace_back(i, *inference_.value(plan_->feeds[i]));
    }
  }

  // The steps that make what is fetched, and those that are run for their effects.
  std::vector<int> wanted_steps() {
    std::vector<int> steps;
    steps_.add_ready_steps(plan_->fetch_values, steps);
    for (const int id : plan_->fetch_values) {
      if (value(id).producer >= 0) steps.push_back(value(id).producer);
    }
    for (const Operation& target : r_.targets) {
      if (const int step = nodes_.step_if_any(target.node()); step >= 0) steps.push_back(step);
    }
    return steps;
  }

  PlanValue& value(int id) { return plan_->value(id); }

  const CompileRequest& r_;
  std::unique_ptr<Plan> plan_;
  PlanInference inference_;
  StepList steps_;
  NodeTable nodes_{{}};
  PlanSharing shared_;
};

}  // namespace

std::unique_ptr<Plan> compile_plan(const CompileRequest& request) {
  check_signature(request);
  return PlanBuilder(request).build();
}

}  // namespace gradus
