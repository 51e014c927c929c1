#include "gradus/ops/custom_gradient.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void custom_gradient_shape(ShapeContext& c) {
  const std::int64_t count = c.attrs<CustomGradientAttrs>().num_outputs;
  if (count < 1 || count > c.num_inputs()) {
    c.fail(fmt::format("num_outputs must be 1 to {}, the number of operands; got {}", c.num_inputs(), count));
  }
  for (int i = 0; i < count; ++i) c.set_output(i, c.input_dtype(i), c.input_shape(i));
}

std::optional<IntValues> first_operand_value(ShapeContext& c) { return c.input_symbols(0); }

}  // namespace

std::vector<Output> custom_gradient(const std::vector<Output>& inputs, const CustomForward& forward,
                                    CustomBackward backward, At at) {
  const Caller caller{"custom_gradient", at};
  if (inputs.empty()) caller.fail("custom_gradient needs at least one input");
  if (!forward || !backward) caller.fail("custom_gradient needs a forward and a backward function");
  for (const Output& input : inputs) require_valid(caller, "an input", input);
  std::vector<Output> operands = forward(inputs);
  if (operands.empty()) caller.fail("custom_gradient: the forward function returned no outputs");
  for (const Output& result : operands) require_valid(caller, "a result of the forward function", result);
  const auto count = static_cast<std::int64_t>(operands.size());
  // Results first, then the inputs: they are operands so that the gradient flows to them.
  operands.insert(operands.end(), inputs.begin(), inputs.end());
  CustomGradientAttrs attrs{count, std::make_shared<const CustomBackward>(std::move(backward))};
  Node& node = inputs[0].graph().add_node("CustomGradient", std::move(operands), std::move(attrs), at);
  std::vector<Output> outputs;
  for (int i = 0; i < node.num_outputs(); ++i) outputs.push_back(node.output(i));
  return outputs;
}

void register_custom_gradient_ops(OpRegistry& registry) {
  registry.add(def("CustomGradient", {"results_and_inputs..."}, {"outputs..."}, custom_gradient_shape,
                   "The first num_outputs operands, with a gradient that the user wrote.")
                   .attrs(CustomGradientAttrs{})
                   .value(first_operand_value)
                   .inplace({0}));
}

}  // namespace gradus
