// Concrete shapes for a plan: the graph's shape functions again, with the fed shapes, and with the values of fed integer
// tensors wherever a shape asks for them. Internal to graph/.
#pragma once

#include <set>
#include <unordered_map>
#include <vector>

#include "gradus/graph/run/plan.h"

namespace gradus {

// The elements of an int32 or int64 tensor, without a detour over floating point.
std::int64_t integer_at(const Tensor& tensor, std::int64_t i);
IntValues integers_of(const Tensor& tensor);

class PlanInference {
 public:
  explicit PlanInference(const Feeds& feeds);

  // Infers the outputs of a node whose inputs were inferred before; throws with the node's place in front.
  void infer(const Node& node);
  // What arrives where the output is used: the fed tensor's shape where it is fed.
  TensorInfo info(const Output& output) const;
  // What the node itself computes.
  const std::vector<TensorInfo>& results_of(const Node& node) const { return infos_.at(at(node.id() - first_id_)); }
  const TensorInfo& info_of_node(const Output& output) const {
    return results_of(output.node()).at(at(output.index()));
  }
  // The output's integer values, where they follow from constants, shapes and feeds (over kMaxValueDepth nodes at most).
  std::optional<IntValues> value(const Output& output);
  // Indices of the feeds whose values some shape or folded node depends on.
  const std::set<std::size_t>& value_feeds() const { return value_feeds_; }
  bool is_fed(const Output& output) const { return feed_index(output) >= 0; }
  int feed_index(const Output& output) const;  // -1 when not fed

 private:
  std::vector<TensorInfo> inputs_of(const Node& node) const;
  bool is_inferred(const Node& node) const {
    const auto i = static_cast<std::size_t>(node.id() - first_id_);
    return node.id() >= first_id_ && i < infos_.size() && !infos_[i].empty();
  }
  const Feeds& feeds_;
  std::unordered_map<Output, std::size_t> feed_index_;
  int first_id_ = 0;                            // of the first node that was inferred; ids grow
  std::vector<std::vector<TensorInfo>> infos_;  // by node id from first_id_ on; empty where nothing was inferred
  std::unordered_map<Output, std::optional<IntValues>> values_;
  std::set<std::size_t> value_feeds_;
  int value_depth_ = 0;
};

// The nodes that the request's fetches and targets depend on, inputs first (plan_prune.cc).
std::vector<const Node*> needed_nodes(const CompileRequest& request, const PlanInference& inference);
// False for control dependencies that the run does not have: a feed of a node's first output stands for the node.
bool waits_for(const CompileRequest& request, const PlanInference& inference, Node& control);

}  // namespace gradus
