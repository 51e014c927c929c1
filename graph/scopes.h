// RAII scopes: while one is alive, every node added to its graph gets a name prefix, a device, or control dependencies.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus {

// While alive, a variable may be changed; then it has the value again that it had before.
template <class T>
class Restored {
 public:
  explicit Restored(T& variable) : variable_(variable), before_(variable) {}
  ~Restored() { variable_ = std::move(before_); }
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;

 private:
  T& variable_;
  T before_;
};

// NameScope block(graph, "block1"); nodes are then called "block1/conv". Scopes nest; a repeated name gets "_1", "_2".
class NameScope {
 public:
  NameScope(Graph& graph, std::string_view name);

 private:
  Restored<std::string> prefix_, path_;
};

// DeviceScope on(graph, "ref:0"); "" returns to the session's default. Throws InvalidArgument for a malformed name.
class DeviceScope {
 public:
  DeviceScope(Graph& graph, std::string_view device);

 private:
  Restored<std::string> device_;
};

// ControlScope after(graph, {op}); new nodes run after op: of a constant or variable, whoever uses it does. Adds to outer scopes.
class ControlScope {
 public:
  ControlScope(Graph& graph, const std::vector<Operation>& operations);

 private:
  Restored<std::vector<Node*>> control_;
};

// Marks new nodes as made by the gradient rule of `forward`, on the same device. Used by gradients().
class GradientScope {
 public:
  GradientScope(Graph& graph, const Node& forward, std::string_view rule);
  class Recompute;  // graph/recompute_scope.h

 private:
  Restored<const Node*> forward_;
  Restored<std::string> rule_, device_;
};

}  // namespace gradus
