// compile_plan: from a graph and a signature to steps with kernels. The phases, in order: prune to the needed nodes; per node
// (inputs first) infer, place, fold or share or emit a step; fuse; order; memory; prepare the kernels.
#include <fmt/format.h>

#include <algorithm>

#include "gradus/graph/constant_attrs.h"
#include "gradus/graph/graph_mutex.h"
#include "gradus/graph/run/plan.h"
#include "gradus/graph/run/plan_fold.h"
#include "gradus/graph/run/plan_infer.h"
#include "gradus/graph/run/plan_sharing.h"
#include "gradus/graph/run/plan_versions.h"

namespace gradus {
namespace {

class PlanBuilder {
 public:
  explicit PlanBuilder(const CompileRequest& request)
      : r_(request), plan_(std::make_unique<Plan>()), inference_(request.feeds), versions_(*plan_) {}

  std::unique_ptr<Plan> build() {
    const std::shared_lock lock(r_.graph.mutex());
    write_signature();
    const std::vector<const Node*> nodes = needed_nodes(r_, inference_);
    number_outputs(nodes);
    for (const Node* node : nodes) add(*node);
    finish_signature();
    const std::vector<int> wanted = wanted_steps();
    mark_needed_steps(*plan_, wanted);
    if (r_.options.optimize && !r_.options.check_numerics) {  // check_numerics looks at every node
      fuse_chains(*plan_, wanted);
      batch_updates(*plan_);
    }
    order_steps(*plan_);
    assign_memory(*plan_, r_.options);
    prepare_kernels(*plan_, r_.options);
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

  void number_outputs(const std::vector<const Node*>& nodes) {
    // Only as long as the ids in use reach: an initial value's plan must not cost as much as the graph is large.
    if (nodes.empty()) return;
    first_id_ = nodes.front()->id();
    const auto count = static_cast<std::size_t>(nodes.back()->id() - first_id_ + 1);
    first_output_.assign(count, 0);
    step_of_.assign(count, -1);
    std::size_t outputs = 0;
    for (const Node* node : nodes) {
      first_output_[at(*node)] = outputs;
      outputs += static_cast<std::size_t>(node->num_outputs());
    }
    values_.assign(outputs, -1);
    plan_->values.reserve(outputs);
    plan_->steps.reserve(nodes.size());
  }

  int& value_of(const Node& node, int output) {
    return values_[first_output_[at(node)] + static_cast<std::size_t>(output)];
  }
  int& step_of(const Node& node) { return step_of_[at(node)]; }
  // -1 too for what the run does not need, such as a target that is fed.
  int step_if_any(const Node& node) {
    return node.id() >= first_id_ && at(node) < step_of_.size() ? step_of(node) : -1;
  }
  std::size_t at(const Node& node) const { return static_cast<std::size_t>(node.id() - first_id_); }

  // --- one node ---

  void add(const Node& node) {
    const OpKind kind = node.def().kind;
    if (kind == OpKind::kPlaceholder) {
      throw invalid_argument(fmt::format("{} must be fed: {} {}", node.where(), dtype_name(node.output_info(0).dtype),
                                         node.output_info(0).shape.to_string()));
    }
    inference_.infer(node);
    if (kind == OpKind::kConstant) {
      const std::vector<int> controls = control_steps(node);
      const Tensor& tensor = node.attrs_as<ConstantAttrs>().value;
      const int id = controls.empty() ? add_shared_constant(node, tensor) : add_constant(node, tensor);
      value_of(node, 0) = id;
      wait_for(node, id, controls);
    } else if (kind == OpKind::kVariable) {
      add_variable(node);
      wait_for(node, value_of(node, 0), control_steps(node));
    } else {
      add_computation(node);
    }
  }

  std::vector<int> control_steps(const Node& node) {
    std::vector<int> steps;
    for (Node* control : node.control_inputs()) {
      if (!waits_for(r_, inference_, *control)) continue;
      if (const int step = step_if_any(*control); step >= 0) steps.push_back(step);
    }
    return steps;
  }

  // The value of a node that no step computes counts as there once `steps` have run: whoever takes it, or waits for the node,
  // waits for them. Several are joined by a step that does nothing, so that lists of them do not grow along the graph.
  void wait_for(const Node& node, int id, const std::vector<int>& steps) {
    if (steps.empty()) return;
    int last = steps[0];
    if (steps.size() > 1) {
      PlanStep join{.nodes = {&node},
                    .device = &r_.devices.get(DeviceName::parse(r_.options.device)),
                    .reason = "joins what it waits for"};
      join.after = steps;
      join.where = node.where();
      last = add_step(std::move(join));
    }
    step_of(node) = last;
    ready_after_[id] = last;
  }

  static Output output_of(const Node& node, int i) { return {const_cast<Node*>(&node), i}; }

  int add_constant(const Node& node, const Tensor& tensor, Device* device = nullptr) {
    PlanValue value{.dtype = tensor.dtype(), .shape = tensor.shape(), .storage = Storage::kConstant, .device = device};
    value.source = &node;
    value.tensor = tensor;
    return add_value(*plan_, std::move(value));
  }

  // Constants with the same bits are one: every `x + 1.0` of the user makes a constant of its own.
  int add_shared_constant(const Node& node, const Tensor& tensor) {
    int* const same = r_.options.optimize ? shared_.constant(tensor) : nullptr;
    if (same == nullptr) return add_constant(node, tensor);
    if (*same < 0) {
      *same = add_constant(node, tensor);
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
      state->tensor = Tensor(placement.device->allocate(bytes), 0, info.dtype, info.shape);
      r_.variables.emplace(&node,
                           std::move(state));  // only now: none of this leaves half a variable behind when it throws
    }
    VariableState* state = r_.variables.at(&node).get();
    PlanValue value{.dtype = info.dtype, .shape = info.shape, .storage = Storage::kVariable};
    value.device = state->device;
    value.source = &node;
    value.variable = state;
    value_of(node, 0) = add_value(*plan_, std::move(value));
    plan_->variables.push_back(const_cast<Node*>(&node));
  }

  int value_for(const Output& output) {
    const int feed = inference_.feed_index(output);
    if (feed < 0) return value_of(output.node(), output.index());
    int& value = plan_->feed_values[static_cast<std::size_t>(feed)];
    if (value < 0) {
      const TensorInfo info = inference_.info(output);
      PlanValue fed{.dtype = info.dtype, .shape = info.shape, .storage = Storage::kFeed};
      fed.source = &output.node();
      value = add_value(*plan_, std::move(fed));
    }
    return value;
  }

  void add_computation(const Node& node) {
    std::vector<int> inputs;
    for (const Output& input : node.inputs()) inputs.push_back(value_for(input));
    std::vector<int> after = control_steps(node);
    read_versions(node, after, inputs);
    if (fold_value(node, inputs)) return;
    const Placement placement = place(node, r_.options, r_.devices, changed_device(*plan_, node, inputs));
    add_ready_steps(inputs, after);
    PlanStep step{.nodes = {&node}, .device = placement.device, .reason = placement.reason, .kernel = placement.kernel};
    step.inputs = on_device(node.def(), inputs, placement.device);
    step.after = std::move(after);
    if (share(node, step.inputs, placement.device)) return;
    if (fold_kernel(node, step.inputs, placement)) return;

    step.where = node.where();
    const int index = static_cast<int>(plan_->steps.size());
    for (int i = 0; i < node.num_outputs(); ++i) {
      const TensorInfo info = inference_.info_of_node(output_of(node, i));
      PlanValue value{.dtype = info.dtype, .shape = info.shape, .device = placement.device};
      value.producer = index;
      value.output = i;
      value.source = &node;
      step.outputs.push_back(add_value(*plan_, std::move(value)));
      value_of(node, i) = step.outputs.back();
    }
    add_versions(step, index);
    step_of(node) = index;
    if (is_pure(node)) shared_.add(node, step.inputs, placement.device, index);
    add_step(std::move(step));
  }

  // Operands that are variables become the versions of them that this node sees (plan_versions.h), except those that it changes:
  // these stand for the variable's memory, and order_steps puts the assignments in a row.
  void read_versions(const Node& node, const std::vector<int>& after, std::vector<int>& inputs) {
    const bool mutates = node.def().effect == Effect::kMutates;
    const std::size_t changed = mutates ? static_cast<std::size_t>(node.def().mutable_inputs) : 0;
    for (std::size_t i = changed; i < inputs.size() && !after.empty(); ++i) {
      if (value(inputs[i]).storage == Storage::kVariable) inputs[i] = versions_.seen_after(inputs[i], after);
    }
  }

  // What each changed variable holds from this step on.
  void add_versions(PlanStep& step, int index) {
    for (int i = 0; i < mutated_inputs(step); ++i) {
      const int variable = step.inputs[static_cast<std::size_t>(i)];
      if (i == 0) {
        value(step.outputs.at(0)).alias_of = variable;
        step.versions.push_back(step.outputs[0]);
        continue;
      }
      const PlanValue& old = value(variable);
      PlanValue version{.dtype = old.dtype, .shape = old.shape, .device = old.device};
      version.producer = index;
      version.output = -1;
      version.alias_of = variable;
      version.source = old.source;
      step.versions.push_back(add_value(*plan_, std::move(version)));
    }
  }

  int add_step(PlanStep step) {
    plan_->steps.push_back(std::move(step));
    versions_.add_step();
    return static_cast<int>(plan_->steps.size()) - 1;
  }

  // Adds the steps that must have run before the values count as there, where no step computes them.
  void add_ready_steps(const std::vector<int>& values, std::vector<int>& steps) const {
    for (const int id : values) {
      if (const auto found = ready_after_.find(id); found != ready_after_.end()) steps.push_back(found->second);
    }
  }

  // --- devices ---

  // The operands where the node reads them: on `device`, or, host operands, in host memory. What lives elsewhere is copied, once for
  // all that want it there. Feeds and constants of the graph are host memory, which `device` nullptr stands for.
  std::vector<int> on_device(const OpDef& def, const std::vector<int>& inputs, Device* device) {
    std::vector<int> result;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      Device* const from = value(inputs[i]).device;
      const bool on_host = from == nullptr || from->uses_host_memory();
      if (def.is_host_operand(i)) {
        result.push_back(on_host ? inputs[i] : copy_to(inputs[i], &r_.devices.host()));
      } else {
        const bool here = from == device || (from == nullptr && device->uses_host_memory());
        result.push_back(here ? inputs[i] : copy_to(inputs[i], device));
      }
    }
    return result;
  }

  int copy_to(int id, Device* device) {
    const auto [found, is_new] = copies_.try_emplace({id, device}, -1);
    if (!is_new) return found->second;
    if (value(id).storage == Storage::kConstant && value(id).device == nullptr)
      return found->second = uploaded(id, device);
    const Device* from = value(id).device;
    const std::string reason = "copy from " + (from != nullptr ? from->name().to_string() : "the host");
    std::vector<int> after;
    add_ready_steps({id}, after);
    found->second = add_copy_step(*plan_, id, device, reason, std::move(after));
    versions_.add_step();
    return found->second;
  }

  // A constant goes up once, when the plan is made.
  int uploaded(int id, Device* device) {
    const Tensor tensor = value(id).tensor;
    Tensor there(device->allocate(tensor.bytes()), 0, tensor.dtype(), tensor.shape());
    if (tensor.bytes() > 0) device->copy_from_host(there.raw(), tensor.raw(), tensor.bytes());
    const int copy = add_constant(*value(id).source, there, device);
    if (const auto ready = ready_after_.find(id); ready != ready_after_.end()) ready_after_[copy] = ready->second;
    return copy;
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
      const bool known = value(i).storage == Storage::kConstant && readable && !ready_after_.contains(i);
      tensors.push_back(known ? &value(i).tensor : nullptr);
    }
    return tensors;
  }

  bool fold_value(const Node& node, const std::vector<int>& inputs) {
    if (!is_pure(node) || node.num_outputs() != 1) return false;
    std::vector<TensorInfo> infos;
    for (int i : inputs) infos.push_back({value(i).dtype, value(i).shape});
    const Output output = output_of(node, 0);
    const auto folded =
        fold_by_value(node, inference_.info_of_node(output), std::move(infos), constants_of(inputs, nullptr));
    if (!folded) return false;
    const int id = add_constant(node, *folded);
    value_of(node, 0) = id;
    add_note(node, id, "folded: its value is known from shapes and constants");
    // The inputs need not be computed, but what they print, check or assign on the way must happen.
    std::vector<int> before;
    add_ready_steps(inputs, before);
    for (const int i : inputs) {
      if (value(i).producer >= 0) before.push_back(value(i).producer);
    }
    std::erase_if(before, [&](int s) { return !versions_.has_effect(s); });
    wait_for(node, id, before);
    return true;
  }

  // check_numerics looks at every node while the plan runs.
  bool fold_kernel(const Node& node, const std::vector<int>& inputs, const Placement& placement) {
    if (!is_pure(node) || r_.options.check_numerics) return false;
    const std::vector<const Tensor*> constants = constants_of(inputs, placement.device);
    if (std::find(constants.begin(), constants.end(), nullptr) != constants.end()) return false;
    std::vector<TensorInfo> infos;
    for (int i = 0; i < node.num_outputs(); ++i) infos.push_back(inference_.info_of_node(output_of(node, i)));
    const auto folded = fold_by_kernel(node, placement, infos, constants);
    if (!folded) return false;
    for (int i = 0; i < node.num_outputs(); ++i) {
      value_of(node, i) = add_constant(node, (*folded)[static_cast<std::size_t>(i)],
                                       placement.device->uses_host_memory() ? nullptr : placement.device);
    }
    add_note(node, value_of(node, 0), "folded: computed once from constants");
    return true;
  }

  bool share(const Node& node, const std::vector<int>& inputs, Device* device) {
    const int index = is_pure(node) ? shared_.find(*plan_, node, inputs, device) : -1;
    if (index < 0) return false;
    const PlanStep& step = plan_->step(index);
    for (int i = 0; i < node.num_outputs(); ++i) value_of(node, i) = step.outputs[static_cast<std::size_t>(i)];
    step_of(node) = index;
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
    add_ready_steps(plan_->fetch_values, steps);
    for (const int id : plan_->fetch_values) {
      if (value(id).producer >= 0) steps.push_back(value(id).producer);
    }
    for (const Operation& target : r_.targets) {
      if (const int step = step_if_any(target.node()); step >= 0) steps.push_back(step);
    }
    return steps;
  }

  PlanValue& value(int id) { return plan_->values[static_cast<std::size_t>(id)]; }

  const CompileRequest& r_;
  std::unique_ptr<Plan> plan_;
  PlanInference inference_;
  VariableVersions versions_;
  int first_id_ = 0;                          // of the needed nodes; the next three are indexed from it
  std::vector<std::size_t> first_output_;     // per node: where its outputs begin in values_
  std::vector<int> values_;                   // per output of a needed node: its value in the plan
  std::vector<int> step_of_;                  // per node: the step that runs it, or -1
  std::unordered_map<int, int> ready_after_;  // per value that no step computes: the step that must have run before
  std::map<std::pair<int, Device*>, int> copies_;
  PlanSharing shared_;
};

}  // namespace

std::unique_ptr<Plan> compile_plan(const CompileRequest& request) {
  check_signature(request);
  return PlanBuilder(request).build();
}

}  // namespace gradus
