// Nodes of a plan that need no step of their own: results that are known before it runs (constant folding), and equal parts, each of
// which is computed and kept once. Internal to graph/.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
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

class PlanSharing {
 public:
  // A step that computes what `node` would: the same op, attributes, inputs (values of the plan) and device; -1 when there is none.
  int find(const Plan& plan, const Node& node, const std::vector<int>& inputs, Device* device) const;
  // Remembers that `step` computes `node`.
  void add(const Node& node, const std::vector<int>& inputs, Device* device, int step);
  // The value of the constants with this dtype, shape and bits, to be set by the caller where it is -1; nullptr for tensors too
  // large to be compared.
  int* constant(const Tensor& tensor);

 private:
  using Key = std::tuple<const OpDef*, std::size_t, std::vector<int>, Device*>;  // with the hash of the attributes
  std::multimap<Key, int> steps_;
  std::unordered_map<std::string, int> constants_;
};

}  // namespace gradus
