// Handles to what a graph holds: Output is one result of a node, Operation a node as something to run. Both are small values
// that stay valid as long as their Graph.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <type_traits>

#include "gradus/core/dtype.h"
#include "gradus/core/shape.h"

namespace gradus {

class Graph;
class Node;

class Output {
 public:
  Output() = default;  // refers to nothing; as a gradient it means "none"
  // A template, so that a literal 0 is never taken for a null Node*: slice(x, {0, 0}, {2, 3}) means two vectors.
  template <class N>
  requires std::is_same_v<N, Node> Output(N* node, int index) : node_(node), index_(index) {}

  bool valid() const { return node_ != nullptr; }
  // The rest throw InvalidArgument when the Output refers to nothing.
  Node& node() const;
  Graph& graph() const;
  int index() const { return index_; }
  DType dtype() const;
  const Shape& shape() const;  // dimensions may be unknown (-1)
  std::string name() const;    // "conv1" for output 0, "split:1" for others

  friend bool operator==(const Output& a, const Output& b) { return a.node_ == b.node_ && a.index_ == b.index_; }

 private:
  Node* node_ = nullptr;
  int index_ = 0;
};

class Operation {
 public:
  Operation() = default;
  explicit Operation(Node* node) : node_(node) {}
  Operation(const Output& output) : node_(&output.node()) {}  // NOLINT: every output can be run for its effect

  bool valid() const { return node_ != nullptr; }
  Node& node() const;  // throws InvalidArgument when it refers to nothing
  std::string name() const;
  friend bool operator==(const Operation& a, const Operation& b) { return a.node_ == b.node_; }

 private:
  Node* node_ = nullptr;
};

}  // namespace gradus

template <>
struct std::hash<gradus::Output> {
  std::size_t operator()(const gradus::Output& o) const noexcept {
    return o.valid() ? std::hash<const void*>{}(&o.node()) * 31u + static_cast<std::size_t>(o.index()) : 0;
  }
};
