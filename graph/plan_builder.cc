// compile_plan: from a graph and a signature to steps with kernels. The phases, in order: prune to the needed nodes; per node
// (inputs first) infer, place, fold or share or emit a step; order; memory; prepare the kernels.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "gradus/graph/constant_attrs.h"
#include "gradus/graph/graph_mutex.h"
#include "gradus/graph/plan.h"
#include "gradus/graph/plan_infer.h"

namespace gradus {
namespace {

// Larger results are computed in every step instead of being kept for the life of the plan.
constexpr std::size_t kMaxFoldedBytes = 256 * 1024;

class PlanBuilder {
 public:
  explicit PlanBuilder(const CompileRequest& request)
      : r_(request), plan_(std::make_unique<Plan>()), inference_(request.feeds) {}

  std::unique_ptr<Plan> build() {
    const std::shared_lock lock(r_.graph.mutex());
    write_signature();
    for (const Node* node : needed_nodes()) add(*node);
    finish_signature();
    mark_needed_steps();
    order_steps(*plan_);
    assign_memory(*plan_, r_.options);
    prepare_kernels();
    return std::move(plan_);
  }

 private:
  void write_signature() {
    for (const auto& [output, tensor] : r_.feeds) {
      check_owner(output.node());
      plan_->feeds.push_back(output);
      plan_->feed_shapes.push_back(tensor.shape());
    }
    for (const Output& fetch : r_.fetches) check_owner(fetch.node());
    for (const Operation& target : r_.targets) check_owner(target.node());
    plan_->fetches = r_.fetches;
    plan_->targets = r_.targets;
    plan_->feed_values.assign(r_.feeds.size(), -1);
  }

  void check_owner(const Node& node) const {
    if (&node.graph() != &r_.graph)
      throw invalid_argument(node.where() + " belongs to another graph than this session's");
  }

  // Everything that fetches and targets depend on, inputs first (ids grow along edges).
  std::vector<const Node*> needed_nodes() {
    std::vector<const Node*> stack;
    std::vector<bool> seen(static_cast<std::size_t>(r_.graph.num_nodes()), false);
    const auto visit = [&](const Node& node) {
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
      for (const Node* control : node.control_inputs()) visit(*control);
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
      value_of_[Output(const_cast<Node*>(&node), 0)] = add_constant(node, node.attrs_as<ConstantAttrs>().value);
    } else if (kind == OpKind::kVariable) {
      add_variable(node);
    } else {
      add_computation(node);
    }
  }

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

  void add_variable(const Node& node) {
    std::unique_ptr<VariableState>& state = r_.variables[&node];
    if (!state) {
      state = std::make_unique<VariableState>();
      state->device = &r_.devices.get(DeviceName::parse(device_of(node)));
      const Tensor layout(Buffer(), 0, node.output_info(0).dtype, node.output_info(0).shape);
      state->tensor = Tensor(state->device->allocate(layout.bytes()), 0, layout.dtype(), layout.shape());
    }
    const TensorInfo& info = node.output_info(0);
    PlanValue value{.dtype = info.dtype, .shape = info.shape, .storage = Storage::kVariable};
    value.device = state->device;
    value.source = &node;
    value.variable = state.get();
    value_of_[Output(const_cast<Node*>(&node), 0)] = new_value(std::move(value));
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

  std::string device_of(const Node& node) const {
    if (!node.device().empty()) return node.device();
    return r_.options.device;
  }

  struct Placement {
    Device* device;
    const KernelDef* kernel;
    std::string reason;
  };

  Placement place(const Node& node, const std::vector<int>& inputs) {
    std::string reason = node.device().empty() ? "the session's default" : "DeviceScope";
    DeviceName name = DeviceName::parse(device_of(node));
    if (node.def().effect == Effect::kMutates) {
      name = value(inputs[0]).device->name();
      reason = "where its variable is";
    }
    if (node.def().kind == OpKind::kNoOp) return {&r_.devices.get(name), nullptr, reason};
    const DType dtype = node.def().kernel_dtype == kDTypeOfOutput ? node.output_info(0).dtype
                                                                  : node.input(node.def().kernel_dtype).dtype();
    Device* device = &r_.devices.get(name);
    const KernelDef* kernel = kernel_registry().find(node.op(), name.type, dtype);
    if (const std::string* why = kernel_registry().cpu_only_reason(node.op(), name.type);
        kernel == nullptr && why != nullptr) {
      kernel = kernel_registry().find(node.op(), "cpu", dtype);
      device = &r_.devices.get({"cpu", 0});
      reason = "no " + name.type + " kernel: " + *why;
    }
    if (kernel == nullptr) {
      throw unimplemented(fmt::format("{} has no kernel for {} on {}; kernels that exist: {}", node.where(),
                                      dtype_name(dtype), name.to_string(), kernel_registry().describe(node.op())));
    }
    return {device, kernel, reason};
  }

  void add_computation(const Node& node) {
    std::vector<int> inputs;
    for (const Output& input : node.inputs()) inputs.push_back(value_for(input));
    if (fold_value(node, inputs)) return;
    Placement placement = place(node, inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] = on_device(inputs[i], placement.device, node);
    if (share(node, inputs, placement.device)) return;
    if (fold_kernel(node, inputs, placement)) return;

    PlanStep step{.node = &node, .device = placement.device, .reason = placement.reason, .kernel = placement.kernel};
    step.inputs = inputs;
    step.where = node.where();
    for (const Node* control : node.control_inputs()) {
      if (const auto found = step_of_.find(control); found != step_of_.end()) step.after.push_back(found->second);
    }
    const int index = static_cast<int>(plan_->steps.size());
    for (int i = 0; i < node.num_outputs(); ++i) {
      const Output output(const_cast<Node*>(&node), i);
      const TensorInfo info = inference_.info_of_node(output);
      PlanValue value{.dtype = info.dtype, .shape = info.shape, .device = placement.device};
      value.producer = index;
      value.output = i;
      value.source = &node;
      const int id = new_value(std::move(value));
      step.outputs.push_back(id);
      value_of_[output] = id;
    }
    step_of_[&node] = index;
    plan_->steps.push_back(std::move(step));
    remember_for_sharing(node, inputs, placement.device, index);
  }

  // The value on `device`; a copy step where it lives elsewhere. Feeds and constants are host memory.
  int on_device(int id, Device* device, const Node& consumer) {
    const PlanValue from = value(id);
    if (from.device == device || (from.device == nullptr && device->uses_host_memory())) return id;
    // A variable that is changed must be changed in place, never in a copy.
    if (consumer.def().effect == Effect::kMutates && from.storage == Storage::kVariable) {
      throw invalid_argument(consumer.where() + " changes variables on different devices");
    }
    int& copy = copies_[{id, device}];
    if (copy == 0)
      copy =
          add_copy(id, device, "copy from " + (from.device != nullptr ? from.device->name().to_string() : "the host"));
    return copy;
  }

  // --- folding and sharing ---

  bool is_pure(const Node& node) const {
    return r_.options.optimize && node.def().effect == Effect::kNone && node.control_inputs().empty() &&
           node.num_outputs() > 0 && node.def().kind != OpKind::kNoOp;
  }

  // Sizes and shapes: their values are known although their operands are not.
  bool fold_value(const Node& node, const std::vector<int>& inputs) {
    if (!is_pure(node) || node.num_outputs() != 1) return false;
    const TensorInfo info = inference_.info_of_node(Output(const_cast<Node*>(&node), 0));
    std::vector<TensorInfo> infos;
    for (int i : inputs) infos.push_back({value(i).dtype, value(i).shape});
    const auto known =
        infer_value(node.def(), node.attrs(), std::move(infos), info, [&](int i) -> std::optional<IntValues> {
          const PlanValue& v = value(inputs[static_cast<std::size_t>(i)]);
          if (v.storage != Storage::kConstant || v.tensor.num_elements() > kMaxTrackedValues) return std::nullopt;
          return integers_of(v.tensor);
        });
    if (!known || std::find(known->begin(), known->end(), kUnknownValue) != known->end()) return false;
    value_of_[Output(const_cast<Node*>(&node), 0)] = add_constant(node, tensor_of(*known, info.dtype, info.shape));
    plan_->notes.push_back({&node, "folded: its value is known from shapes and constants"});
    return true;
  }

  // All inputs are constants: run the kernel now.
  bool fold_kernel(const Node& node, const std::vector<int>& inputs, const Placement& placement) {
    if (!is_pure(node) || placement.kernel == nullptr || !placement.device->uses_host_memory()) return false;
    std::size_t bytes = 0;
    for (int i = 0; i < node.num_outputs(); ++i) {
      const TensorInfo info = inference_.info_of_node(Output(const_cast<Node*>(&node), i));
      bytes += static_cast<std::size_t>(info.shape.num_elements()) * dtype_size(info.dtype);
    }
    if (bytes > kMaxFoldedBytes) return false;
    KernelContext context;
    for (int i : inputs) {
      if (value(i).storage != Storage::kConstant) return false;
      context.inputs_.push_back(&value(i).tensor);
    }
    const std::string where = node.where();
    for (int i = 0; i < node.num_outputs(); ++i) {
      const TensorInfo info = inference_.info_of_node(Output(const_cast<Node*>(&node), i));
      context.outputs_.emplace_back(info.dtype, info.shape);
    }
    context.attrs_ = &node.attrs();
    context.device_ = placement.device;
    context.where_ = &where;
    if (placement.kernel->prepare != nullptr) placement.kernel->prepare(context);
    Buffer scratch;
    if (context.scratch_bytes_ > 0) {
      scratch = allocate_host(context.scratch_bytes_);
      context.scratch_ = scratch.get();
    }
    placement.kernel->compute(context);
    for (int i = 0; i < node.num_outputs(); ++i) {
      const int id = add_constant(node, context.outputs_[static_cast<std::size_t>(i)]);
      value_of_[Output(const_cast<Node*>(&node), i)] = id;
    }
    plan_->notes.push_back({&node, "folded: computed once from constants"});
    return true;
  }

  using ShareKey = std::tuple<std::string, std::size_t, std::vector<int>, Device*>;

  bool share(const Node& node, const std::vector<int>& inputs, Device* device) {
    if (!is_pure(node)) return false;
    const auto [begin, end] = shared_.equal_range(ShareKey{node.op(), node.attrs().hash(), inputs, device});
    for (auto it = begin; it != end; ++it) {
      const PlanStep& step = plan_->steps[static_cast<std::size_t>(it->second)];
      if (!(step.node->attrs() == node.attrs()) || step.node->num_outputs() != node.num_outputs()) continue;
      for (int i = 0; i < node.num_outputs(); ++i) {
        value_of_[Output(const_cast<Node*>(&node), i)] = step.outputs[static_cast<std::size_t>(i)];
      }
      step_of_[&node] = it->second;
      plan_->notes.push_back({&node, "shared: same as '" + step.node->name() + "'"});
      return true;
    }
    return false;
  }

  void remember_for_sharing(const Node& node, const std::vector<int>& inputs, Device* device, int step) {
    if (is_pure(node)) shared_.emplace(ShareKey{node.op(), node.attrs().hash(), inputs, device}, step);
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
    return add_copy(id, v.device, "kept for the fetch, before later assignments");
  }

  int add_copy(int id, Device* device, std::string reason) {
    PlanStep step{.node = value(id).source, .is_copy = true, .device = device, .reason = std::move(reason)};
    step.inputs = {id};
    step.where = step.node->where();
    PlanValue target{.dtype = value(id).dtype, .shape = value(id).shape, .device = device};
    target.producer = static_cast<int>(plan_->steps.size());
    target.source = step.node;
    const int copy = new_value(std::move(target));
    step.outputs = {copy};
    plan_->steps.push_back(std::move(step));
    return copy;
  }

  void mark_needed_steps() {
    std::vector<int> stack;
    const auto need = [&](int step) {
      if (step >= 0 && !plan_->steps[static_cast<std::size_t>(step)].needed) {
        plan_->steps[static_cast<std::size_t>(step)].needed = true;
        stack.push_back(step);
      }
    };
    for (int fetch : plan_->fetch_values) need(value(fetch).producer);
    for (const Operation& target : r_.targets) {
      if (const auto found = step_of_.find(&target.node()); found != step_of_.end()) need(found->second);
    }
    while (!stack.empty()) {
      const PlanStep& step = plan_->steps[static_cast<std::size_t>(stack.back())];
      stack.pop_back();
      for (int input : step.inputs) need(value(input).producer);
      for (int after : step.after) need(after);
    }
  }

  void prepare_kernels() {
    for (const int index : plan_->order) {
      PlanStep& step = plan_->steps[static_cast<std::size_t>(index)];
      KernelContext& c = step.context;
      c.device_ = step.device;
      c.where_ = &step.where;
      c.attrs_ = &step.node->attrs();
      c.random_seed_ = node_seed(r_.options.seed, step.node->name());
      // Placeholders of the right shape; the session binds the memory before each run.
      const Buffer nothing;
      for (int output : step.outputs) c.outputs_.emplace_back(nothing, 0, value(output).dtype, value(output).shape);
      for (int input : step.inputs) {
        PlanValue& v = value(input);
        if (v.producer >= 0) {
          c.inputs_.push_back(
              &plan_->steps[static_cast<std::size_t>(v.producer)].context.outputs_[static_cast<std::size_t>(v.output)]);
        } else {
          if (v.storage == Storage::kFeed) v.tensor = Tensor(nothing, 0, v.dtype, v.shape);
          c.inputs_.push_back(v.storage == Storage::kVariable ? &v.variable->tensor : &v.tensor);
        }
      }
      if (step.kernel != nullptr && step.kernel->prepare != nullptr && !step.aliased) step.kernel->prepare(c);
      std::size_t& scratch = plan_->scratch_bytes[step.device];
      scratch = std::max(scratch, c.scratch_bytes_);
    }
  }

  PlanValue& value(int id) { return plan_->values[static_cast<std::size_t>(id)]; }

  const CompileRequest& r_;
  std::unique_ptr<Plan> plan_;
  PlanInference inference_;
  std::unordered_map<Output, int> value_of_;
  std::unordered_map<const Node*, int> step_of_;
  std::map<std::pair<int, Device*>, int> copies_;  // 0: none yet (value 0 is never a copy)
  std::multimap<ShareKey, int> shared_;
};

}  // namespace

std::unique_ptr<Plan> compile_plan(const CompileRequest& request) { return PlanBuilder(request).build(); }

}  // namespace gradus
