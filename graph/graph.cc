#include "gradus/graph/graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>
#include <new>

#include "gradus/core/nearest_names.h"
#include "gradus/core/tensor_text.h"
#include "gradus/graph/graph_mutex.h"
#include "gradus/graph/graph_names.h"
#include "gradus/graph/location_scope.h"

namespace gradus {
namespace {

class InferContext final : public ShapeContext {
 public:
  InferContext(const Attrs& attrs, std::vector<TensorInfo> inputs, ValueLookup input_value,
               const std::vector<Output>& operands)
      : lookup_(input_value), operands_(operands) {
    attrs_ = &attrs;
    inputs_ = std::move(inputs);
  }
  const std::vector<TensorInfo>& inputs() const { return inputs_; }
  std::optional<IntValues> input_symbols(int i) override {
    return is_index(input_dtype(i)) ? lookup_(i) : std::nullopt;
  }
  // Node, result and dimension in one number.
  std::int64_t dimension_symbol(int i, int d) const override {
    constexpr std::int64_t kResults = 1 << 21, kDimensions = Shape::kMaxRank;
    if (static_cast<std::size_t>(i) >= operands_.size()) return kUnknownValue;
    const Output& x = operands_[static_cast<std::size_t>(i)];
    return kUnknownValue + 1 + (std::int64_t{x.node().id()} * kResults + x.index()) * kDimensions + d;
  }

 private:
  ValueLookup lookup_;
  const std::vector<Output>& operands_;  // none in plans
};

std::string base_name(std::string_view path) { return std::string(path.substr(path.find_last_of('/') + 1)); }

// The name of operand i: "values" for every one of "values...".
std::string operand_name(const OpDef& def, std::size_t i) {
  if (def.inputs.empty()) return "";
  std::string name = def.inputs[std::min(i, def.inputs.size() - 1)];
  if (const std::size_t dots = name.rfind("..."); dots != std::string::npos) name.erase(dots);
  return name;
}

std::string nothing_text(std::size_t i, const OpDef* def, const Output& input) {
  return fmt::format("input {} refers to nothing{}: {}", i,
                     def == nullptr ? "" : fmt::format(" (operand '{}')", operand_name(*def, i)), input.absence());
}

std::vector<TensorInfo> infos_of(const std::vector<Output>& inputs) {
  std::vector<TensorInfo> infos;
  for (const Output& input : inputs) infos.push_back(input.node().output_info(input.index()));
  return infos;
}

void check_arity(const OpDef& def, std::size_t given) {
  const std::size_t fixed = def.inputs.size() - (def.variadic_inputs() ? 1 : 0);
  if (def.variadic_inputs() ? given < fixed : given != fixed) {
    throw invalid_argument(fmt::format("takes {}{} inputs ({}); got {}", def.variadic_inputs() ? "at least " : "",
                                       fixed, fmt::join(def.inputs, ", "), given));
  }
}

void check_inputs(const Graph& graph, const OpDef& def, const std::vector<Output>& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].valid()) throw invalid_argument(nothing_text(i, &def, inputs[i]));
    if (&inputs[i].graph() == &graph) continue;
    throw invalid_argument(
        fmt::format("input {} ('{}') belongs to another graph: operand '{}' is {}; all operands of a node "
                    "must be built in one Graph",
                    i, inputs[i].name(), operand_name(def, i), inputs[i].node().where()));
  }
  for (std::size_t i = 0; i < def.num_mutated(); ++i) {
    if (inputs[i].node().def().kind != OpKind::kVariable) {
      throw invalid_argument(fmt::format("operand {} ({}) must be a variable; got {} '{}'", i, def.inputs[i],
                                         inputs[i].node().op(), inputs[i].name()));
    }
    const auto before = inputs.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(inputs.begin(), before, inputs[i]) == before) continue;
    throw invalid_argument(fmt::format("operand {} ({}) is the variable '{}', which this op changes already", i,
                                       def.inputs[i], inputs[i].name()));
  }
}

// After the shape function, which knows better what to say.
void check_host_operands(const OpDef& def, const std::vector<Output>& inputs) {
  for (std::size_t i = 0; !def.host_operands.empty() && i < inputs.size(); ++i) {
    if (!def.is_host_operand(i) || is_index(inputs[i].dtype())) continue;
    throw invalid_argument(
        fmt::format("operand {} ({}) is read on the host (OpDef::host_operands) and must be int32 or int64; got {}", i,
                    operand_name(def, i), dtype_name(inputs[i].dtype())));
  }
}

std::string described(const Attrs& attrs) {
  return attrs.empty() ? attrs.type_name() : fmt::format("{} ({})", attrs.type_name(), attrs.to_string());
}

void check_attrs(const OpDef& def, const Attrs& attrs) {
  if (attrs.same_type(def.attrs)) return;
  if (def.attrs.holds<NoAttrs>()) {
    throw invalid_argument(fmt::format(
        "takes no attributes: write {{}}; got {} (an op has those that its OpDef::attrs says)", described(attrs)));
  }
  throw invalid_argument(fmt::format("takes attributes of type {}; got {}; {}{{}} has the defaults",
                                     described(def.attrs), described(attrs), def.attrs.type_name()));
}

// One result for each that the op declares.
void check_outputs(const OpDef& def, std::size_t set) {
  const std::size_t fixed = def.outputs.size() - (def.variadic_outputs() ? 1 : 0);
  if (def.variadic_outputs() ? set >= fixed : set == fixed) return;
  throw invalid_argument(
      fmt::format("the shape function of {} set {} of {}{} outputs ({}); it must call set_output(i, "
                  "dtype, shape) for each",
                  def.name, set, def.variadic_outputs() ? "at least " : "", fixed, fmt::join(def.outputs, ", ")));
}

// While sizes are only numbers, before anything computes with them. Whether a device has the memory is for the plan to say.
void check_sizes(const OpDef& def, const std::vector<TensorInfo>& inputs, const std::vector<TensorInfo>& outputs) {
  for (const TensorInfo& output : outputs) {
    if (!output.shape.fully_known() || byte_count(output.dtype, output.shape)) continue;
    std::string operands;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      operands += fmt::format("{} {} {}", i == 0 ? ":" : ",", operand_name(def, i), type_text(inputs[i]));
    throw invalid_argument(
        fmt::format("the size of a result, {}, does not fit in 63 bits{}", type_text(output), operands));
  }
}

// Calls a function of the op's author; whatever it throws becomes an Error.
template <class F>
auto guarded(const OpDef& def, const char* what, F&& function) {
  try {
    return function();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw Error(Code::kResourceExhausted, fmt::format("the {} function of {} ran out of memory", what, def.name));
  } catch (const std::exception& error) {
    throw internal_error(fmt::format("the {} function of {} threw: {}", what, def.name, error.what()));
  }
}

// Follows an integer value back through the graph, each output once.
class ValueSearch {
 public:
  std::optional<IntValues> find(const Output& output) {
    if (output.index() != 0 || depth_ == kMaxValueDepth) return std::nullopt;
    if (const auto known = found_.find(output); known != found_.end()) return known->second;
    const Node& node = output.node();
    ++depth_;
    std::optional<IntValues> value = infer_value(
        node.def(), node.attrs(), infos_of(node.inputs()), node.output_info(0),
        [&](int i) { return find(node.input(i)); }, node.inputs());
    --depth_;
    return found_[output] = std::move(value);
  }

 private:
  int depth_ = 0;
  std::unordered_map<Output, std::optional<IntValues>> found_;
};

}  // namespace

std::vector<TensorInfo> infer_shapes(const OpDef& def, const Attrs& attrs, std::vector<TensorInfo> inputs,
                                     ValueLookup input_value, const std::vector<Output>& operands) {
  InferContext context(attrs, std::move(inputs), input_value, operands);
  guarded(def, "shape", [&] { def.shape(context); });
  check_outputs(def, context.outputs().size());
  check_sizes(def, context.inputs(), context.outputs());
  return context.outputs();
}

std::optional<IntValues> infer_value(const OpDef& def, const Attrs& attrs, std::vector<TensorInfo> inputs,
                                     const TensorInfo& output, ValueLookup input_value,
                                     const std::vector<Output>& operands) {
  if (def.value == nullptr || !is_index(output.dtype)) return std::nullopt;
  if (!output.shape.fully_known() || output.shape.num_elements() > kMaxTrackedValues) return std::nullopt;
  InferContext context(attrs, std::move(inputs), input_value, operands);
  std::optional<IntValues> value = guarded(def, "value", [&] { return def.value(context); });
  if (value && static_cast<std::int64_t>(value->size()) != output.shape.num_elements()) {
    throw internal_error("the value function of " + def.name + " returned a wrong number of values");
  }
  return value;
}

Graph::Graph(const OpRegistry& ops)
    : ops_(&ops), names_(std::make_unique<GraphNames>()), mutex_(std::make_unique<GraphMutex>()) {}
Graph::~Graph() = default;

Node& Graph::add_node(std::string_view op, std::vector<Output> inputs, Attrs attrs, At at) {
  at.location = LocationScope::outermost(at.location);
  // A gradient node points at the user's forward line, not into the rule that made it.
  const std::string file = forward_node_ != nullptr ? forward_node_->file() : base_name(at.location.file);
  const int line = forward_node_ != nullptr ? forward_node_->line() : at.location.line;
  const std::string full = name_prefix_ + std::string(at.name.empty() ? op : at.name);
  const OpDef* def = nullptr;
  std::vector<TensorInfo> outputs;
  try {
    def = &ops_->get(op);
    check_arity(*def, inputs.size());
    check_inputs(*this, *def, inputs);
    check_attrs(*def, attrs);
    ValueSearch values;
    const auto value = [&](int i) { return values.find(inputs.at(static_cast<std::size_t>(i))); };
    outputs = infer_shapes(*def, attrs, infos_of(inputs), value, inputs);
    check_host_operands(*def, inputs);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("[{} '{}' at {}:{}] {}", op, full, file, line, error.what()));
  }

  const std::unique_lock lock(*mutex_);
  std::unique_ptr<Node> node(new Node());
  node->id_ = num_nodes();
  node->name_ = unique_name(full);
  node->file_ = file;
  node->line_ = line;
  node->def_ = def;
  node->graph_ = this;
  node->attrs_ = std::move(attrs);
  node->inputs_ = std::move(inputs);
  node->outputs_ = std::move(outputs);
  node->device_ = device_;
  node->control_inputs_ = control_;
  node->forward_node_ = forward_node_;
  node->gradient_rule_ = gradient_rule_;
  names_->nodes[node->name_] = node.get();
  nodes_.push_back(std::move(node));
  return *nodes_.back();
}

std::string Graph::unique_name(std::string_view base) const {
  std::string wanted(base);
  if (!names_->nodes.contains(wanted)) return wanted;
  int& count = names_->counts[wanted];
  std::string candidate;
  do {
    candidate = fmt::format("{}_{}", wanted, ++count);
  } while (names_->nodes.contains(candidate));
  return candidate;
}

Node* Graph::find_node(std::string_view name) const {
  const auto found = names_->nodes.find(name);
  return found == names_->nodes.end() ? nullptr : found->second;
}

Output Graph::find_output(std::string_view name) const {
  const std::size_t colon = name.rfind(':');
  if (Node* node = find_node(name)) return node->output(0);
  if (colon != std::string_view::npos) {
    const std::string digits(name.substr(colon + 1));
    const bool number = !digits.empty() && digits.size() < 6 &&
                        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (Node* node = find_node(name.substr(0, colon)); node != nullptr && number)
      return node->output(std::stoi(digits));
  }
  std::vector<std::string> known;
  for (const auto& [node_name, node] : names_->nodes) known.emplace_back(node_name);
  throw not_found(fmt::format("the graph has no output '{}'{}", name, did_you_mean(name, known)));
}

void Graph::add_to_collection(const std::string& collection, const Output& item) {
  if (!item.valid()) {
    throw invalid_argument(
        fmt::format("add_to_collection: the item for '{}' refers to nothing: {}", collection, item.absence()));
  }
  if (&item.graph() != this) {
    throw invalid_argument(
        fmt::format("add_to_collection: the item '{}' for '{}' belongs to another graph", item.name(), collection));
  }
  const std::unique_lock lock(*mutex_);
  collections_[collection].push_back(item);
}

std::vector<Output> Graph::collection(const std::string& name) const {
  const auto found = collections_.find(name);
  return found == collections_.end() ? std::vector<Output>{} : found->second;
}

std::optional<IntValues> Graph::known_value(const Output& output) const {
  return without_symbols(ValueSearch().find(output));
}

Output Graph::absent(std::string why) {
  const std::unique_lock lock(*mutex_);
  absences_.push_back(std::make_unique<const std::string>(std::move(why)));
  return Output(absences_.back().get());
}

void Graph::fail_node(int id) const {
  throw invalid_argument(fmt::format("the graph has {} nodes, counted from 0; asked for node {}", num_nodes(), id));
}

void require_valid(const Caller& caller, const char* what, const Output& operand) {
  if (!operand.valid()) caller.fail(fmt::format("{} refers to nothing: {}", what, operand.absence()));
}

Graph& graph_of(const Caller& caller, const char* what, const Output& operand) {
  require_valid(caller, what, operand);
  return operand.graph();
}

Node& add_node(std::string_view op, std::vector<Output> inputs, Attrs attrs, At at) {
  const Caller caller{op, at};
  if (inputs.empty()) caller.fail("needs at least one input");
  const auto valid = std::find_if(inputs.begin(), inputs.end(), [](const Output& input) { return input.valid(); });
  if (valid == inputs.end()) caller.fail(nothing_text(0, op_registry().find(op), inputs[0]));
  Graph& graph = valid->graph();
  return graph.add_node(op, std::move(inputs), std::move(attrs), at);
}

Output add_op(std::string_view op, std::vector<Output> inputs, Attrs attrs, At at) {
  return add_node(op, std::move(inputs), std::move(attrs), at).output(0);
}

}  // namespace gradus
