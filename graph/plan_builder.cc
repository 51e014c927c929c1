// compile_plan: from a graph and a signature to steps with kernels. The phases, in order: prune to the needed nodes; per node
// (inputs first) infer, place, fold or share or emit a step; fuse; order; memory; prepare the kernels.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "gradus/graph/constant_attrs.h"
#include "gradus/graph/graph_mutex.h"
#include "gradus/graph/plan.h"
#include "gradus/graph/plan_fold.h"
#include "gradus/graph/plan_infer.h"

namespace gradus {
namespace {

// Larger constants are not compared with each other.
constexpr std::size_t kMaxSharedBytes = 4096;

class PlanBuilder {
 public:
  explicit PlanBuilder(const CompileRequest& request)
      : r_(request), plan_(std::make_unique<Plan>()), inference_(request.feeds) {}

  std::unique_ptr<Plan> build() {
    const std::shared_lock lock(r_.graph.mutex());
    write_signature();
    for (const Node* node : needed_nodes()) add(*node);
    finish_signature();
    const std::vector<int> wanted = wanted_steps();
    mark_needed_steps(*plan_, wanted);
    if (r_.options.optimize && !r_.options.check_numerics)
      fuse_steps(*plan_, wanted);  // check_numerics looks at every node
    order_steps(*plan_);
    assign_memory(*plan_, r_.options);
    prepare_kernels(*plan_, r_.options);
    return std::move(plan_);
  }

 private:
  void write_signature() {
    for (const auto& [output, tensor] : r_.feeds) {
      check_output(output);
      plan_->feeds.push_back(output);
      plan_->feed_shapes.push_back(tensor.shape());
    }
    for (const Output& fetch : r_.fetches) check_output(fetch);
    for (const Operation& target : r_.targets) check_owner(target.node());
    plan_->fetches = r_.fetches;
    plan_->targets = r_.targets;
    plan_->feed_values.assign(r_.feeds.size(), -1);
  }

  void check_owner(const Node& node) const {
    if (&node.graph() != &r_.graph)
      throw invalid_argument(node.where() + " belongs to another graph than this session's");
  }

  void check_output(const Output& output) const {
    check_owner(output.node());
    (void)output.dtype();  // throws when the node has no such output
  }

  // Everything that fetches and targets depend on, inputs first (ids grow along edges).
  std::vector<const Node*> needed_nodes() {
    std::vector<const Node*> stack;
    std::vector<bool> seen(static_cast<std::size_t>(r_.graph.num_nodes()), false);
    const auto visit = [&](Node& node) {
      if (node.def().kind == OpKind::kPlaceholder && inference_.is_fed(node.output(0))) return;
      if (!seen[static_cast<std::size_t>(node.id())]) stack.push_back(&node);
      seen[static_cast<std::size_t>(node.id())] = true;
    };
    for (const Output& fetch : r_.fetches) {
      if (!inference_.is_fed(fetch)) visit(fetch.node());
    }
    for (const Operation& target : r_.targets) visit(target.node());
    std::vector<const Node*> nodes;
    while (!stack.empty()) {
      const Node& node = *stack.back();
      stack.pop_back();
      nodes.push_back(&node);
      if (node.def().kind == OpKind::kVariable) continue;  // its initial value is not part of the run
      for (const Output& input : node.inputs()) {
        if (!inference_.is_fed(input)) visit(input.node());
      }
      for (Node* control : node.control_inputs()) visit(*control);
    }
    std::sort(nodes.begin(), nodes.end(), [](const Node* a, const Node* b) { return a->id() < b->id(); });
    return nodes;
  }

  // --- one node ---

  void add(const Node& node) {
    const OpKind kind = node.def().kind;
    if (kind == OpKind::kPlaceholder) {
      throw invalid_argument(fmt::format("{} must be fed: {} {}", node.where(), dtype_name(node.output_info(0).dtype),
                                         node.output_info(0).shape.to_string()));
    }
    inference_.infer(node);
    if (kind == OpKind::kConstant) {
      value_of_[output_of(node, 0)] = add_shared_constant(node, node.attrs_as<ConstantAttrs>().value);
    } else if (kind == OpKind::kVariable) {
      add_variable(node);
    } else {
      add_computation(node);
    }
  }

  static Output output_of(const Node& node, int i) { return {const_cast<Node*>(&node), i}; }

  int new_value(PlanValue value) {
    value.bytes = static_cast<std::size_t>(value.shape.num_elements()) * dtype_size(value.dtype);
    plan_->values.push_back(std::move(value));
    return static_cast<int>(plan_->values.size()) - 1;
  }

  int add_constant(const Node& node, const Tensor& tensor) {
    PlanValue value{.dtype = tensor.dtype(), .shape = tensor.shape(), .storage = Storage::kConstant};
    value.source = &node;
    value.tensor = tensor;
    return new_value(std::move(value));
  }

  // Constants with the same bits are one: every `x + 1.0` of the user makes a constant of its own.
  int add_shared_constant(const Node& node, const Tensor& tensor) {
    if (!r_.options.optimize || tensor.bytes() > kMaxSharedBytes) return add_constant(node, tensor);
    std::string key(static_cast<const char*>(tensor.raw()), tensor.bytes());
    key += dtype_name(tensor.dtype()) + tensor.shape().to_string();
    const auto [found, is_new] = constants_.try_emplace(std::move(key), -1);
    if (is_new) {
      found->second = add_constant(node, tensor);
    } else {
      add_note(node, found->second, "shared: same as '" + value(found->second).source->name() + "'");
    }
    return found->second;
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
    value_of_[output_of(node, 0)] = new_value(std::move(value));
    plan_->variables.push_back(const_cast<Node*>(&node));
  }

  int value_for(const Output& output) {
    const int feed = inference_.feed_index(output);
    if (feed < 0) return value_of_.at(output);
    int& value = plan_->feed_values[static_cast<std::size_t>(feed)];
    if (value < 0) {
      const TensorInfo info = inference_.info(output);
      PlanValue fed{.dtype = info.dtype, .shape = info.shape, .storage = Storage::kFeed};
      fed.source = &output.node();
      value = new_value(std::move(fed));
    }
    return value;
  }

  void add_computation(const Node& node) {
    std::vector<int> inputs;
    for (const Output& input : node.inputs()) inputs.push_back(value_for(input));
    if (fold_value(node, inputs)) return;
    const Placement placement = place(node, r_.options, r_.devices, changed_device(node, inputs));
    PlanStep step{.node = &node, .device = placement.device, .reason = placement.reason, .kernel = placement.kernel};
    for (const Node* control : node.control_inputs()) {
      if (const auto found = step_of_.find(control); found != step_of_.end()) step.after.push_back(found->second);
    }
    step.inputs = on_device(inputs, placement.device, step.after);
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
      step.outputs.push_back(new_value(std::move(value)));
      value_of_[output_of(node, i)] = step.outputs.back();
    }
    step_of_[&node] = index;
    if (is_pure(node)) shared_.emplace(share_key(node, step.inputs, placement.device), index);
    add_step(std::move(step));
  }

  int add_step(PlanStep step) {
    bool late = is_mutator(step);
    for (const int before : predecessors(step.inputs, step.after))
      late = late || late_[static_cast<std::size_t>(before)];
    late_.push_back(late);
    plan_->steps.push_back(std::move(step));
    return static_cast<int>(plan_->steps.size()) - 1;
  }

  std::vector<int> predecessors(const std::vector<int>& inputs, const std::vector<int>& after) {
    std::vector<int> steps = after;
    for (const int id : inputs) {
      if (value(id).producer >= 0) steps.push_back(value(id).producer);
    }
    return steps;
  }

  // --- devices ---

  // The device of the variables that the node changes, nullptr when it changes none.
  Device* changed_device(const Node& node, const std::vector<int>& inputs) {
    if (node.def().effect != Effect::kMutates) return nullptr;
    Device* device = nullptr;
    for (std::size_t i = 0; i < static_cast<std::size_t>(node.def().mutable_inputs); ++i) {
      const PlanValue& variable = value(inputs.at(i));
      if (variable.storage != Storage::kVariable) {
        throw invalid_argument(
            fmt::format("{} changes the variable '{}', which this run feeds", node.where(), variable.source->name()));
      }
      if (device != nullptr && variable.device != device) {
        throw invalid_argument(node.where() + " changes variables on different devices");
      }
      device = variable.device;
    }
    return device;
  }

  // The values on `device`, by copy steps where they live elsewhere. Feeds and constants are host memory.
  std::vector<int> on_device(const std::vector<int>& inputs, Device* device, const std::vector<int>& after) {
    std::vector<int> result;
    for (const int id : inputs) {
      const PlanValue from = value(id);
      const bool here = from.device == device || (from.device == nullptr && device->uses_host_memory());
      result.push_back(here ? id : copy_to(id, device, predecessors(inputs, after)));
    }
    return result;
  }

  // One copy serves all, except of a variable whose reader comes after an assignment: it reads the new value, so its copy
  // waits for all that the reader waits for.
  int copy_to(int id, Device* device, const std::vector<int>& before) {
    const PlanValue from = value(id);
    const std::string reason = "copy from " + (from.device != nullptr ? from.device->name().to_string() : "the host");
    const bool late =
        std::any_of(before.begin(), before.end(), [&](int s) { return late_[static_cast<std::size_t>(s)]; });
    if (from.storage == Storage::kVariable && late) return add_copy(id, device, reason, before);
    const auto [found, is_new] = copies_.try_emplace({id, device}, -1);
    if (is_new) found->second = add_copy(id, device, reason, {});
    return found->second;
  }

  int add_copy(int id, Device* device, std::string reason, std::vector<int> after) {
    PlanStep step{.node = value(id).source, .is_copy = true, .device = device, .reason = std::move(reason)};
    step.inputs = {id};
    step.after = std::move(after);
    step.where = step.node->where();
    PlanValue target{.dtype = value(id).dtype, .shape = value(id).shape, .device = device};
    target.producer = static_cast<int>(plan_->steps.size());
    target.source = step.node;
    const int copy = new_value(std::move(target));
    step.outputs = {copy};
    add_step(std::move(step));
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

  std::vector<const Tensor*> constants_of(const std::vector<int>& inputs) {
    std::vector<const Tensor*> tensors;
    for (int i : inputs) tensors.push_back(value(i).storage == Storage::kConstant ? &value(i).tensor : nullptr);
    return tensors;
  }

  bool fold_value(const Node& node, const std::vector<int>& inputs) {
    if (!is_pure(node) || node.num_outputs() != 1) return false;
    std::vector<TensorInfo> infos;
    for (int i : inputs) infos.push_back({value(i).dtype, value(i).shape});
    const Output output = output_of(node, 0);
    const auto folded = fold_by_value(node, inference_.info_of_node(output), std::move(infos), constants_of(inputs));
    if (!folded) return false;
    value_of_[output] = add_constant(node, *folded);
    add_note(node, value_of_[output], "folded: its value is known from shapes and constants");
    return true;
  }

  // check_numerics looks at every node while the plan runs.
  bool fold_kernel(const Node& node, const std::vector<int>& inputs, const Placement& placement) {
    if (!is_pure(node) || r_.options.check_numerics || !placement.device->uses_host_memory()) return false;
    const std::vector<const Tensor*> constants = constants_of(inputs);
    if (std::find(constants.begin(), constants.end(), nullptr) != constants.end()) return false;
    std::vector<TensorInfo> infos;
    for (int i = 0; i < node.num_outputs(); ++i) infos.push_back(inference_.info_of_node(output_of(node, i)));
    const auto folded = fold_by_kernel(node, placement, infos, constants);
    if (!folded) return false;
    for (int i = 0; i < node.num_outputs(); ++i) {
      value_of_[output_of(node, i)] = add_constant(node, (*folded)[static_cast<std::size_t>(i)]);
    }
    add_note(node, value_of_[output_of(node, 0)], "folded: computed once from constants");
    return true;
  }

  using ShareKey = std::tuple<std::string, std::size_t, std::vector<int>, Device*>;

  static ShareKey share_key(const Node& node, const std::vector<int>& inputs, Device* device) {
    return {node.op(), node.attrs().hash(), inputs, device};
  }

  bool share(const Node& node, const std::vector<int>& inputs, Device* device) {
    if (!is_pure(node)) return false;
    const auto [begin, end] = shared_.equal_range(share_key(node, inputs, device));
    for (auto it = begin; it != end; ++it) {
      const PlanStep& step = plan_->steps[static_cast<std::size_t>(it->second)];
      if (!(step.node->attrs() == node.attrs()) || step.node->num_outputs() != node.num_outputs()) continue;
      for (int i = 0; i < node.num_outputs(); ++i) {
        value_of_[output_of(node, i)] = step.outputs[static_cast<std::size_t>(i)];
      }
      step_of_[&node] = it->second;
      add_note(node, step.outputs[0], "shared: same as '" + step.node->name() + "'");
      return true;
    }
    return false;
  }

  // --- the end ---

  void finish_signature() {
    for (const Output& fetch : r_.fetches) plan_->fetch_values.push_back(snapshot(value_for(fetch)));
    for (const std::size_t i : inference_.value_feeds()) {
      plan_->value_feeds.emplace_back(i, *inference_.value(plan_->feeds[i]));
    }
  }

  // A fetched variable that this plan changes: its value is copied at its place among the assignments.
  int snapshot(int id) {
    const PlanValue v = value(id);
    const bool new_value_of_variable =
        v.producer >= 0 && is_mutator(plan_->steps[static_cast<std::size_t>(v.producer)]);
    const bool changes =
        std::any_of(plan_->steps.begin(), plan_->steps.end(), [](const PlanStep& s) { return is_mutator(s); });
    if (!changes || (v.storage != Storage::kVariable && !new_value_of_variable)) return id;
    return add_copy(id, v.device, "kept for the fetch, before later assignments", {});
  }

  // The steps that make what is fetched, and those that are run for their effects.
  std::vector<int> wanted_steps() {
    std::vector<int> steps = predecessors(plan_->fetch_values, {});
    for (const Operation& target : r_.targets) {
      if (const auto found = step_of_.find(&target.node()); found != step_of_.end()) steps.push_back(found->second);
    }
    return steps;
  }

  PlanValue& value(int id) { return plan_->values[static_cast<std::size_t>(id)]; }

  const CompileRequest& r_;
  std::unique_ptr<Plan> plan_;
  PlanInference inference_;
  std::unordered_map<Output, int> value_of_;
  std::unordered_map<const Node*, int> step_of_;
  std::vector<bool> late_;  // per step: it changes a variable or comes after a step that does
  std::map<std::pair<int, Device*>, int> copies_;
  std::unordered_map<std::string, int> constants_;  // by bits, dtype and shape
  std::multimap<ShareKey, int> shared_;
};

}  // namespace

std::unique_ptr<Plan> compile_plan(const CompileRequest& request) { return PlanBuilder(request).build(); }

}  // namespace gradus
