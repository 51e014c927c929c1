// What is asked of a run, and what it needs of the graph for that: backwards from the fetches and targets, cut off where something is fed.
#include <fmt/format.h>

#include <algorithm>

#include "gradus/graph/run/plan_infer.h"

namespace gradus {

void check_signature(const CompileRequest& r) {
  const auto check = [&](const char* what, std::size_t i, std::size_t count, const auto& item) {
    if (!item.valid())
      throw invalid_argument(fmt::format("{} {} of {} refers to nothing: {}", what, i + 1, count, item.absence()));
    if (&item.node().graph() != &r.graph)
      throw invalid_argument(item.node().where() + " belongs to another graph than this session's");
  };
  const auto check_output = [&](const char* what, std::size_t i, std::size_t count, const Output& output) {
    check(what, i, count, output);
    (void)output.dtype();  // throws when the node has no such output
  };
  for (std::size_t i = 0; i < r.feeds.size(); ++i) check_output("feed", i, r.feeds.size(), r.feeds[i].first);
  for (std::size_t i = 0; i < r.fetches.size(); ++i) check_output("fetch", i, r.fetches.size(), r.fetches[i]);
  for (std::size_t i = 0; i < r.targets.size(); ++i) check("target", i, r.targets.size(), r.targets[i]);
}

bool waits_for(const CompileRequest& request, const PlanInference& inference, Node& control) {
  return request.follow_control && (control.num_outputs() == 0 || !inference.is_fed(control.output(0)));
}

std::vector<const Node*> needed_nodes(const CompileRequest& request, const PlanInference& inference) {
  std::vector<const Node*> stack;
  std::vector<bool> seen(static_cast<std::size_t>(request.graph.num_nodes()), false);
  const auto visit = [&](Node& node) {
    if (node.def().kind == OpKind::kPlaceholder && inference.is_fed(node.output(0))) return;
    if (!seen[at(node.id())]) stack.push_back(&node);
    seen[at(node.id())] = true;
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
