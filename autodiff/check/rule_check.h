// One node of a graph on its own, with its operands as placeholders: what its gradient rule is compared with.
#pragma once

#include <memory>
#include <vector>

#include "gradus/autodiff/check/check_gradients.h"

namespace gradus {

// The gradient of `output` of a node with respect to one of its floating operands, compared with finite differences.
struct RuleCheck {
  int operand = 0;
  bool has_gradient = false;  // false: the op has none, or its rule set none
  GradientCheck check;
};

// For every floating operand that `output` can be differentiated by. `values` are those of the node's operands, in their order, with
// every floating one in float64; `feeds` those of the whole graph, for what a custom_gradient() uses beside its inputs.
// Throws as gradients() and Session::run do.
std::vector<RuleCheck> check_rule(const Output& output, const std::vector<Tensor>& values, const Feeds& feeds,
                                  const CheckOptions& options);

// The first operand that takes part in gradients: those of CustomGradient before it are what its forward function returned.
int first_gradient_operand(const Node& node);

}  // namespace gradus
