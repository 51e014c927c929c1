#include "gradus/ops/source_ops.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/graph/scopes.h"
#include "gradus/ops/register_all.h"

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
std::optional<IntValues> stored_value(ShapeContext& c) { return c.input_symbols(0); }

}  // namespace

Output placeholder(Graph& graph, DType dtype, const Shape& shape, At at) {
  return graph.add("Placeholder", {}, PlaceholderAttrs{dtype, shape}, at);
}

Output constant(Graph& graph, const Tensor& value, At at) {
  return graph.add("Constant", {}, ConstantAttrs{value.clone()}, at);
}

Output scalar(Graph& graph, Number value, DType dtype, At at) {
  if (!fits(value, dtype)) {
    Caller{"scalar", at.name.empty() ? "Constant" : at}.fail(misfit_text("the value", value, dtype));
  }
  Tensor tensor(dtype, Shape{});
  visit_dtype(dtype, [&]<class T>(TypeTag<T>) { *tensor.data<T>() = *value.as<T>(); });
  return graph.add("Constant", {}, ConstantAttrs{tensor}, at);
}

Output variable(const Output& initial_value, At at, bool trainable) {
  Graph& graph = graph_of({"Variable", at}, "initial_value", initial_value);
  const VariableAttrs attrs{initial_value.dtype(), initial_value.shape(), trainable};
  const Output result = graph.add("Variable", {initial_value}, attrs, at);
  graph.add_to_collection(kAllVariables, result);
  if (trainable) graph.add_to_collection(kTrainableVariables, result);
  return result;
}

Output variable(Graph& graph, const Tensor& initial_value, At at, bool trainable) {
  const std::string constant_name = std::string(at.name.empty() ? "Variable" : at.name) + "/initial_value";
  return variable(constant(graph, initial_value, {constant_name, at.location}), at, trainable);
}

Output assign(const Output& variable, const Output& value, At at) {
  return add_op("Assign", {variable, value}, {}, at);
}
Output assign_add(const Output& variable, const Output& value, At at) {
  return add_op("AssignAdd", {variable, value}, {}, at);
}
Output assign_sub(const Output& variable, const Output& value, At at) {
  return add_op("AssignSub", {variable, value}, {}, at);
}

Operation group(const std::vector<Operation>& operations, At at) {
  const Caller caller{"group", at};
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
  return Operation(&graph.add_node("NoOp", {}, {}, at.name.empty() ? "group" : at));
}

Operation no_op(Graph& graph, At at) { return Operation(&graph.add_node("NoOp", {}, {}, at)); }

Output identity(const Output& x, At at) { return add_op("Identity", {x}, {}, at); }

Output stop_gradient(const Output& x, At at) { return add_op("StopGradient", {x}, {}, at); }

void register_source_ops(OpRegistry& registry) {
  registry.add(def("Placeholder", {}, {"output"}, placeholder_shape, "A value that every run must feed.")
                   .attrs(PlaceholderAttrs{})
                   .kind(OpKind::kPlaceholder)
                   .kernel_dtype(kDTypeOfOutput));
  registry.add(def("Constant", {}, {"output"}, constant_shape, "A tensor that never changes.")
                   .attrs(ConstantAttrs{})
                   .value(constant_value)
                   .kind(OpKind::kConstant)
                   .kernel_dtype(kDTypeOfOutput));
  registry.add(def("Variable", {"initial_value"}, {"value"}, variable_shape,
                   "State of the session; its value before the run's assignments.")
                   .attrs(VariableAttrs{})
                   .kind(OpKind::kVariable));
  for (const auto& [name, summary] : {std::pair{"Assign", "variable = value"},
                                      {"AssignAdd", "variable += value"},
                                      {"AssignSub", "variable -= value"}}) {
    registry.add(def(name, {"variable", "value"}, {"new_value"}, assign_shape, summary).mutates());
  }
  registry.add(def("NoOp", {}, {}, no_op_shape, "Does nothing; joins control dependencies.")
                   .kind(OpKind::kNoOp)
                   .kernel_dtype(kDTypeOfOutput));
  for (const auto& [name, summary] : {std::pair{"Identity", "y = x"}, {"StopGradient", "y = x, without a gradient"}}) {
    registry.add(def(name, {"x"}, {"y"}, stored_shape, summary).value(stored_value).kind(OpKind::kView));
  }
}

}  // namespace gradus
