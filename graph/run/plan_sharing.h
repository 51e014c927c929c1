// Equal parts of a plan, so that each is computed and kept once. Internal to graph/.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "gradus/graph/run/plan.h"

namespace gradus {

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
