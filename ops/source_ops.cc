#include "gradus/ops/source_ops.h"

#include <fmt/format.h>

#include "gradus/graph/scopes.h"

namespace gradus {
namespace {

void placeholder_shape(ShapeContext& c) {
  const auto& attrs = c.attrs<PlaceholderAttrs>();
  c.set_output(0, attrs.dtype, attrs.shape);
}

void constant_shape(ShapeContext& c) {
  const Tensor& value = c.attrs<ConstantAttrs>().value;
  if (!value.defined()) c.fail("the constant's tensor has no value");
  c.set_output(0, value.dtype(), value.shape());
}

std::optional<IntValues> constant_value(ShapeContext& c) {
  const Tensor& value = c.attrs<ConstantAttrs>().value;
  IntValues values;
  for (std::int64_t i = 0; i < value.num_elements(); ++i) {
    values.push_back(value.dtype() == DType::kInt64 ? value.data<std::int64_t>()[i] : value.data<std::int32_t>()[i]);
  }
  return values;
}

void variable_shape(ShapeContext& c) {
  const auto& attrs = c.attrs<VariableAttrs>();
  if (!attrs.shape.fully_known()) {
    c.fail("a variable needs a fully known shape; got " + attrs.shape.to_string());
  }
  if (c.input_dtype(0) != attrs.dtype || !c.input_shape(0).compatible_with(attrs.shape)) {
    c.fail(fmt::format("the initial value must be {} {}; got {} {}", dtype_name(attrs.dtype), attrs.shape.to_string(),
                       dtype_name(c.input_dtype(0)), c.input_shape(0).to_string()));
  }
  c.set_output(0, attrs.dtype, attrs.shape);
}

void assign_shape(ShapeContext& c) {
  c.require_same_dtype(0, 1);
  if (!c.input_shape(1).compatible_with(c.input_shape(0))) {
    c.fail(fmt::format("the value's shape must be the variable's; got value {} for variable {}",
                       c.input_shape(1).to_string(), c.input_shape(0).to_string()));
  }
  c.set_output(0, c.input_dtype(0), c.input_shape(0));
}

void no_op_shape(ShapeContext&) {}
void stored_shape(ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(0)); }
std::optional<IntValues> stored_value(ShapeContext& c) { return c.input_value(0); }

}  // namespace

Output placeholder(Graph& graph, DType dtype, const Shape& shape, std::string_view name, SourceLocation location) {
  return graph.add("Placeholder", {}, PlaceholderAttrs{dtype, shape}, name, location);
}

Output constant(Graph& graph, const Tensor& value, std::string_view name, SourceLocation location) {
  return graph.add("Constant", {}, ConstantAttrs{value.clone()}, name, location);
}

Output scalar(Graph& graph, Number value, DType dtype, std::string_view name, SourceLocation location) {
  if (!fits(value, dtype)) {
    Caller{"scalar", name.empty() ? "Constant" : name, location}.fail(misfit_text("the value", value, dtype));
  }
  Tensor tensor(dtype, Shape{});
  visit_dtype(dtype, [&]<class T>(TypeTag<T>) { *tensor.data<T>() = *value.as<T>(); });
  return graph.add("Constant", {}, ConstantAttrs{tensor}, name, location);
}

Output variable(const Output& initial_value, std::string_view name, bool trainable, SourceLocation location) {
  Graph& graph = graph_of({"Variable", name, location}, "initial_value", initial_value);
  const VariableAttrs attrs{initial_value.dtype(), initial_value.shape(), trainable};
  const Output result = graph.add("Variable", {initial_value}, attrs, name, location);
  graph.add_to_collection(kAllVariables, result);
  if (trainable) graph.add_to_collection(kTrainableVariables, result);
  return result;
}

Output variable(Graph& graph, const Tensor& initial_value, std::string_view name, bool trainable,
                SourceLocation location) {
  const std::string constant_name = std::string(name.empty() ? "Variable" : name) + "/initial_value";
  return variable(constant(graph, initial_value, constant_name, location), name, trainable, location);
}

Output assign(const Output& variable, const Output& value, std::string_view name, SourceLocation location) {
  return add_op("Assign", {variable, value}, {}, name, location);
}
Output assign_add(const Output& variable, const Output& value, std::string_view name, SourceLocation location) {
  return add_op("AssignAdd", {variable, value}, {}, name, location);
}
Output assign_sub(const Output& variable, const Output& value, std::string_view name, SourceLocation location) {
  return add_op("AssignSub", {variable, value}, {}, name, location);
}

Operation group(const std::vector<Operation>& operations, std::string_view name, SourceLocation location) {
  const Caller caller{"group", name, location};
  if (operations.empty()) caller.fail("group needs at least one operation; no_op(graph) does nothing");
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (!operations[i].valid())
      caller.fail(
          fmt::format("operation {} of {} refers to nothing: {}", i + 1, operations.size(), operations[i].absence()));
  }
  Graph& graph = operations[0].node().graph();
  for (const Operation& operation : operations) {
    if (&operation.node().graph() != &graph)
      caller.fail("'" + operation.name() + "' belongs to another graph: it is " + operation.node().where());
  }
  const ControlScope after(graph, operations);
  return Operation(&graph.add_node("NoOp", {}, {}, name.empty() ? "group" : name, location));
}

Operation no_op(Graph& graph, std::string_view name, SourceLocation location) {
  return Operation(&graph.add_node("NoOp", {}, {}, name, location));
}

Output identity(const Output& x, std::string_view name, SourceLocation location) {
  return add_op("Identity", {x}, {}, name, location);
}

Output stop_gradient(const Output& x, std::string_view name, SourceLocation location) {
  return add_op("StopGradient", {x}, {}, name, location);
}

void register_source_ops(OpRegistry& registry) {
  registry.add({.name = "Placeholder",
                .inputs = {},
                .outputs = {"output"},
                .shape = placeholder_shape,
                .attrs = PlaceholderAttrs{},
                .summary = "A value that every run must feed.",
                .kind = OpKind::kPlaceholder,
                .kernel_dtype = kDTypeOfOutput});
  registry.add({.name = "Constant",
                .inputs = {},
                .outputs = {"output"},
                .shape = constant_shape,
                .attrs = ConstantAttrs{},
                .summary = "A tensor that never changes.",
                .value = constant_value,
                .kind = OpKind::kConstant,
                .kernel_dtype = kDTypeOfOutput});
  registry.add({.name = "Variable",
                .inputs = {"initial_value"},
                .outputs = {"value"},
                .shape = variable_shape,
                .attrs = VariableAttrs{},
                .summary = "State of the session; its value before the run's assignments.",
                .kind = OpKind::kVariable});
  for (const auto& [name, summary] : {std::pair{"Assign", "variable = value"},
                                      {"AssignAdd", "variable += value"},
                                      {"AssignSub", "variable -= value"}}) {
    registry.add({.name = name,
                  .inputs = {"variable", "value"},
                  .outputs = {"new_value"},
                  .shape = assign_shape,
                  .summary = summary,
                  .effect = Effect::kMutates});
  }
  registry.add({.name = "NoOp",
                .inputs = {},
                .outputs = {},
                .shape = no_op_shape,
                .summary = "Does nothing; joins control dependencies.",
                .kind = OpKind::kNoOp,
                .kernel_dtype = kDTypeOfOutput});
  for (const auto& [name, summary] : {std::pair{"Identity", "y = x"}, {"StopGradient", "y = x, without a gradient"}}) {
    registry.add({.name = name,
                  .inputs = {"x"},
                  .outputs = {"y"},
                  .shape = stored_shape,
                  .summary = summary,
                  .value = stored_value,
                  .kind = OpKind::kView});
  }
}

}  // namespace gradus
