#include "gradus/graph/scopes.h"

#include <fmt/format.h>

#include "gradus/core/device.h"
#include "gradus/graph/graph_names.h"

namespace gradus {

NameScope::NameScope(Graph& graph, std::string_view name) : prefix_(graph.name_prefix_), path_(graph.scope_path_) {
  if (name.empty()) throw invalid_argument("a name scope needs a name");
  // The count for "block1/" makes a second scope of that name "block1_1/", or the next that the user has not opened.
  const std::string wanted = graph.name_prefix_ + std::string(name);
  std::string prefix = wanted + "/";
  while (graph.names_->counts.contains(prefix)) {
    prefix = wanted + "_" + std::to_string(++graph.names_->counts[wanted + "/"]) + "/";
  }
  graph.names_->counts[prefix] = 0;
  graph.name_prefix_ = prefix;
  graph.scope_path_ += std::string(name) + "/";
}

DeviceScope::DeviceScope(Graph& graph, std::string_view device) : device_(graph.device_) {
  graph.device_ = device.empty() ? "" : DeviceName::parse(device).to_string();
}

ControlScope::ControlScope(Graph& graph, const std::vector<Operation>& operations) : control_(graph.control_) {
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (!operations[i].valid()) {
      throw invalid_argument(fmt::format("ControlScope: operation {} of {} refers to nothing: {}", i + 1,
                                         operations.size(), operations[i].absence()));
    }
    if (&operations[i].node().graph() != &graph)
      throw invalid_argument("ControlScope: '" + operations[i].name() + "' belongs to another graph");
  }
  for (const Operation& operation : operations) graph.control_.push_back(&operation.node());
}

GradientScope::GradientScope(Graph& graph, const Node& forward, std::string_view rule)
    : forward_(graph.forward_node_), rule_(graph.gradient_rule_), device_(graph.device_) {
  graph.forward_node_ = &forward;
  graph.gradient_rule_ = rule;
  graph.device_ = forward.device();
}

}  // namespace gradus
