// Gradient checkpointing: parts of a graph whose values are computed again for the backward pass instead of being kept until then
// (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradus/graph/scopes.h"

namespace gradus {

// What is built while one is alive is computed again by the gradients that gradients() builds later:
//
//   {
//     const RecomputeScope recompute(graph);
//     h = relu(h + block(h));
//   }
//
// A run then keeps what goes into the scope and what the backward pass reads outside of it; the values between are computed a second
// time, from what goes in, when the backward pass comes to the scope. Gradients have the same bits, of every order. Random nodes draw the
// same numbers again; what changes variables, prints or checks happens once, and its result is kept. Scopes nest: the inner one is
// computed again when the backward pass of the outer one, itself computed again, comes to it. Once the scope has ended its nodes are a
// collection of the graph, which graph files keep; until then gradients() refuses to be called.
class RecomputeScope {
 public:
  explicit RecomputeScope(Graph& graph);
  ~RecomputeScope();
  RecomputeScope(const RecomputeScope&) = delete;
  RecomputeScope& operator=(const RecomputeScope&) = delete;

  // Whether this thread has a scope of the graph that has not ended.
  static bool is_open(const Graph& graph);

 private:
  void close();

  Graph& graph_;
  int first_;  // node id
};

// The collections of such nodes begin with this; each holds the first outputs of one scope's nodes.
inline constexpr std::string_view kRecomputeScopes = "recompute_scope/";
// Node::gradient_rule() of what gradients() adds to compute the values of Node::forward_node() again.
inline constexpr std::string_view kRecomputeRule = "Recompute";

// True for nodes that compute the forward node's values again.
bool is_recomputed(const Node& node);
// The node that was computed first; any other node itself. It decides what random numbers are drawn.
const Node& original(const Node& node);
// The output that has the value from the first time; any other output itself.
Output original(const Output& output);

// While alive, new nodes belong to the recomputation of `node`: on its device, with its line, under these control dependencies and no
// others, named in `prefix`, whatever scopes are open. Used by gradients().
class GradientScope::Recompute {
 public:
  Recompute(const Node& node, const std::string& prefix, std::vector<Node*> control);
  // That of the name scopes that are open.
  static std::string prefix(const Graph& graph) { return graph.name_prefix_; }

 private:
  GradientScope gradient_;
  Restored<std::string> prefix_;
  Restored<std::vector<Node*>> control_;
};

}  // namespace gradus
