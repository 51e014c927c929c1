// What a run needs of a graph: backwards from the fetches and targets, cut off where something is fed.
#include <algorithm>

#include "gradus/graph/run/plan_infer.h"

namespace gradus {

bool waits_for(const CompileRequest& request, const PlanInference& inference, Node& control) {
  return request.follow_control && (control.num_outputs() == 0 || !inference.is_fed(control.output(0)));
}

std::vector<const Node*> needed_nodes(const CompileRequest& request, const PlanInference& inference) {
  std::vector<const Node*> stack;
  std::vector<bool> seen(static_cast<std::size_t>(request.graph.num_nodes()), false);
  const auto visit = [&](Node& node) {
    if (node.def().kind == OpKind::kPlaceholder && inference.is_fed(node.output(0))) return;
    if (!seen[static_cast<std::size_t>(node.id())]) stack.push_back(&node);
    seen[static_cast<std::size_t>(node.id())] = true;
  };
  for (const Output& fetch : request.fetches) {
    if (!inference.is_fed(fetch)) visit(fetch.node());
  }
  for (const Operation& target : request.targets) visit(target.node());
  std::vector<const Node*> nodes;
  while (!stack.empty()) {
    const Node& node = *stack.back();
    stack.pop_back();
    nodes.push_back(&node);
    for (const Output& input : node.inputs()) {
      if (node.def().kind == OpKind::kVariable) break;  // its initial value is not part of the run
      if (!inference.is_fed(input)) visit(input.node());
    }
    for (Node* control : node.control_inputs()) {
      if (waits_for(request, inference, *control)) visit(*control);
    }
  }
  std::sort(nodes.begin(), nodes.end(), [](const Node* a, const Node* b) { return a->id() < b->id(); });
  return nodes;
}

}  // namespace gradus
