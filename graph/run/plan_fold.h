// Constant folding: results of a plan's nodes that are known before it runs. Internal to graph/.
#pragma once

#include <optional>
#include <vector>

#include "gradus/graph/run/plan.h"

namespace gradus {

// Sizes and shapes: the value of the node's only result, where it follows from the shapes of its inputs and from those inputs
// that are constants (the others are nullptr).
std::optional<Tensor> fold_by_value(const Node& node, const TensorInfo& result, std::vector<TensorInfo> inputs,
                                    const std::vector<const Tensor*>& constants);

// Runs the node's kernel on constants. nullopt where the results are too large to be kept for the life of the plan. Throws
// what the kernel throws.
std::optional<std::vector<Tensor>> fold_by_kernel(const Node& node, const Placement& placement,
                                                  const std::vector<TensorInfo>& results,
                                                  const std::vector<const Tensor*>& constants);

}  // namespace gradus
