// The gradient of CustomGradient: the user's own function.
#include <fmt/format.h>

#include "gradus/autodiff/register_all.h"
#include "gradus/ops/custom_gradient.h"

namespace gradus {
namespace {

void custom_gradient_gradient(GradientContext& c) {
  const auto& attrs = c.attrs<CustomGradientAttrs>();
  if (!attrs.backward) {
    throw unimplemented(c.node().where() +
                        " the gradient of this node was a C++ function, which a saved graph cannot keep; "
                        "build the node again by custom_gradient()");
  }
  const int count = static_cast<int>(attrs.num_outputs);
  std::vector<Output> inputs, outputs, grads;
  for (int i = count; i < c.num_inputs(); ++i) inputs.push_back(c.input(i));
  for (int i = 0; i < count; ++i) {
    outputs.push_back(c.output(i));
    // An integer result has no gradient to hand over.
    grads.push_back(is_floating(c.output(i).dtype()) ? c.grad_or_zeros(i) : Output());
  }
  const std::vector<Output> result = (*attrs.backward)(inputs, outputs, grads);
  if (result.size() != inputs.size()) {
    throw invalid_argument(fmt::format("{} the backward function must return one gradient per input, {}; got {}",
                                       c.node().where(), inputs.size(), result.size()));
  }
  for (int i = 0; i < static_cast<int>(result.size()); ++i) {
    if (c.needs(count + i)) c.set(count + i, result[static_cast<std::size_t>(i)]);
  }
}

}  // namespace

void register_custom_gradient_gradients(GradientRegistry& registry) {
  registry.add("CustomGradient", custom_gradient_gradient);
}

}  // namespace gradus
