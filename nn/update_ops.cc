#include "gradus/nn/update_ops.h"

#include <algorithm>

#include "gradus/graph/recompute_scope.h"

namespace gradus::nn {
namespace {

// A collection beside each update: the layer's result, then its variables. Collections are saved with the graph.
std::string layer_of(const Output& update) { return "nn/layer_of_update:" + update.name(); }

bool needs_only_placeholders_of(const std::set<const Node*>& fed, const Output& update) {
  const std::set<const Node*> needed = ancestors_of({update});
  return std::all_of(needed.begin(), needed.end(),
                     [&](const Node* node) { return node->def().kind != OpKind::kPlaceholder || fed.contains(node); });
}

}  // namespace

std::set<const Node*> ancestors_of(const std::vector<Output>& outputs, Edges edges) {
  std::set<const Node*> seen;
  std::vector<const Node*> stack;
  const auto visit = [&](const Node& node) {
    if (seen.insert(&node).second) stack.push_back(&node);
  };
  for (const Output& output : outputs) visit(output.node());
  while (!stack.empty()) {
    const Node& node = *stack.back();
    stack.pop_back();
    visit(original(node));
    for (const Output& input : node.inputs()) visit(input.node());
    if (edges == Edges::kInputs) continue;
    for (const Node* control : node.control_inputs()) visit(*control);
  }
  return seen;
}

void add_layer_update(const Output& update, const Output& result, const std::vector<Output>& variables) {
  Graph& graph = update.graph();
  graph.add_to_collection(kUpdateOps, update);
  graph.add_to_collection(layer_of(update), result);
  for (const Output& variable : variables) graph.add_to_collection(layer_of(update), variable);
}

std::vector<Operation> update_ops_of(Graph& graph, const GradientsAndVariables& gradients) {
  std::vector<Output> roots;
  std::set<const Node*> trained;
  for (const auto& [gradient, variable] : gradients) {
    roots.push_back(gradient);
    trained.insert(&variable.node());
  }
  const std::set<const Node*> made_from = ancestors_of(roots);
  std::vector<Operation> updates;
  for (const Output& update : graph.collection(kUpdateOps)) {
    const std::vector<Output> layer = graph.collection(layer_of(update));
    const bool runs = layer.empty() ? needs_only_placeholders_of(made_from, update)
                                    : made_from.contains(&layer[0].node()) &&
                                          std::any_of(layer.begin() + 1, layer.end(),
                                                      [&](const Output& v) { return trained.contains(&v.node()); });
    if (runs) updates.emplace_back(update);
  }
  return updates;
}

}  // namespace gradus::nn
