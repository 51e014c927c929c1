#include "gradus/graph/recompute_scope.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus {
namespace {

thread_local std::vector<const Graph*> open_recompute_scopes;

bool belongs_to_recomputation(const Node& node) {
  return node.forward_node() != nullptr && node.gradient_rule() == kRecomputeRule;
}

}  // namespace

RecomputeScope::RecomputeScope(Graph& graph) : graph_(graph), first_(graph.num_nodes()) {
  open_recompute_scopes.push_back(&graph);
}

RecomputeScope::~RecomputeScope() {
  try {
    close();
  } catch (...) {  // there is no memory for a list of nodes: their values are kept, as without the scope
  }
}

void RecomputeScope::close() {
  const auto open = std::find(open_recompute_scopes.begin(), open_recompute_scopes.end(), &graph_);
  if (open != open_recompute_scopes.end()) open_recompute_scopes.erase(open);  // not so in another thread
  const int end = graph_.num_nodes();
  const std::string name = fmt::format("{}{}-{}", kRecomputeScopes, first_, end);
  for (int id = first_; id < end; ++id) {
    Node& node = graph_.node(id);
    if (node.num_outputs() > 0) graph_.add_to_collection(name, node.output(0));
  }
}

bool RecomputeScope::is_open(const Graph& graph) {
  const auto& open = open_recompute_scopes;
  return std::find(open.begin(), open.end(), &graph) != open.end();
}

// What a scope's nodes take from outside goes through an Identity, whose operand is the forward node.
bool is_recomputed(const Node& node) {
  if (!belongs_to_recomputation(node)) return false;
  const Node& forward = *node.forward_node();
  return node.op() == forward.op() && node.num_outputs() == forward.num_outputs() &&
         (node.inputs().empty() || &node.inputs()[0].node() != &forward);
}

const Node& original(const Node& node) {
  const Node* result = &node;
  while (is_recomputed(*result)) result = result->forward_node();
  return *result;
}

Output original(const Output& output) {
  Output result = output;
  while (result.valid() && belongs_to_recomputation(result.node())) {
    const Node& node = result.node();
    if (is_recomputed(node)) {
      result = Output(&node.graph().node(node.forward_node()->id()), result.index());
    } else if (!node.inputs().empty() && &node.inputs()[0].node() == node.forward_node()) {
      result = node.inputs()[0];
    } else {
      break;
    }
  }
  return result;
}

GradientScope::Recompute::Recompute(const Node& node, const std::string& prefix, std::vector<Node*> control)
    : gradient_(node.graph(), node, kRecomputeRule),
      prefix_(node.graph().name_prefix_),
      control_(node.graph().control_) {
  node.graph().name_prefix_ = prefix;
  node.graph().control_ = std::move(control);
}

}  // namespace gradus
