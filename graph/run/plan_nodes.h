// What the nodes that a run needs have become in its plan. Internal to graph/.
#pragma once

#include <vector>

#include "gradus/graph/run/plan.h"

namespace gradus {

class NodeTable {
 public:
  // In the order of their ids. Only as long as the ids in use reach: an initial value's plan must not cost as much as the graph is large.
  explicit NodeTable(const std::vector<const Node*>& nodes) {
    if (nodes.empty()) return;
    first_id_ = nodes.front()->id();
    const auto count = static_cast<std::size_t>(nodes.back()->id() - first_id_ + 1);
    first_output_.assign(count, 0);
    steps_.assign(count, -1);
    std::size_t outputs = 0;
    for (const Node* node : nodes) {
      first_output_[at(*node)] = outputs;
      outputs += static_cast<std::size_t>(node->num_outputs());
    }
    values_.assign(outputs, -1);
  }

  std::size_t num_outputs() const { return values_.size(); }
  // The value of the plan that an output is.
  int& value(const Node& node, int output) {
    return values_[first_output_[at(node)] + static_cast<std::size_t>(output)];
  }
  // The step that runs the node, or after which its value counts as there; -1 where there is none.
  int& step(const Node& node) { return steps_[at(node)]; }
  // -1 too for what the run does not need, such as a target that is fed.
  int step_if_any(const Node& node) { return node.id() >= first_id_ && at(node) < steps_.size() ? step(node) : -1; }

 private:
  std::size_t at(const Node& node) const { return static_cast<std::size_t>(node.id() - first_id_); }

  int first_id_ = 0;                       // the vectors are indexed from it
  std::vector<std::size_t> first_output_;  // per node: where its outputs begin in values_
  std::vector<int> values_;
  std::vector<int> steps_;
};

}  // namespace gradus
