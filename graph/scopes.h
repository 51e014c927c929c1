// RAII scopes: while one is alive, every node added to its graph gets a name prefix, a device, or control dependencies.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus {

// NameScope block(graph, "block1"); nodes are then called "block1/conv". Scopes nest; a repeated name gets "_1", "_2".
class NameScope {
 public:
  NameScope(Graph& graph, std::string_view name);
  ~NameScope();
  NameScope(const NameScope&) = delete;
  NameScope& operator=(const NameScope&) = delete;

 private:
  Graph& graph_;
  std::string saved_prefix_;
  std::string saved_path_;
};

// DeviceScope on(graph, "ref:0"); "" returns to the session's default. Throws InvalidArgument for a malformed name.
class DeviceScope {
 public:
  DeviceScope(Graph& graph, std::string_view device);
  ~DeviceScope() { graph_.device_ = saved_; }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  Graph& graph_;
  std::string saved_;
};

// ControlScope after(graph, {op}); new nodes run after op: of a constant or variable, whoever uses it does. Adds to outer scopes.
class ControlScope {
 public:
  ControlScope(Graph& graph, const std::vector<Operation>& operations);
  ~ControlScope() { graph_.control_ = saved_; }
  ControlScope(const ControlScope&) = delete;
  ControlScope& operator=(const ControlScope&) = delete;

 private:
  Graph& graph_;
  std::vector<Node*> saved_;
};

// Marks new nodes as made by the gradient rule of `forward`, on the same device. Used by gradients().
class GradientScope {
 public:
  GradientScope(Graph& graph, const Node& forward, std::string_view rule);
  ~GradientScope();
  GradientScope(const GradientScope&) = delete;
  GradientScope& operator=(const GradientScope&) = delete;

 private:
  Graph& graph_;
  const Node* saved_forward_;
  std::string saved_rule_;
  std::string saved_device_;
};

}  // namespace gradus
