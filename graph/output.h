// Handles to what a graph holds: Output is one result of a node, Operation a node as something to run. Both are small values
// that stay valid as long as their Graph.
#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <string>
#include <type_traits>

#include "gradus/core/dtype.h"
#include "gradus/core/shape.h"

namespace gradus {

class Graph;
class Node;

class Output {
 public:
  // Refers to nothing. As a gradient an Output of this kind means "none"; those of gradients() can say why there is none.
  Output() = default;
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
  // Why it refers to nothing, for error texts: which x had no path, and where gradients() was asked.
  std::string absence() const;
  bool is_absent() const { return absence_ != nullptr; }  // made by Graph::absent: absence() is about this very Output

  friend bool operator==(const Output& a, const Output& b) { return a.node_ == b.node_ && a.index_ == b.index_; }

 private:
  friend class Graph;
  friend class Operation;
  explicit Output(const std::string* absence) : absence_(absence) {}
  Node* node_ = nullptr;
  int index_ = 0;
  const std::string* absence_ = nullptr;  // kept by the graph
};

// "'block1/conv' float32 [?,28,28,32], Conv2D at train.cc:31"
std::ostream& operator<<(std::ostream& out, const Output& output);

class Operation {
 public:
  Operation() = default;
  explicit Operation(Node* node) : node_(node) {}
  // Every output can be run for its effect. One that refers to nothing makes an Operation that does not either.
  Operation(const Output& output)  // NOLINT: implicit by design
      : node_(output.valid() ? &output.node() : nullptr), absence_(output.absence_) {}

  bool valid() const { return node_ != nullptr; }
  Node& node() const;           // throws InvalidArgument when it refers to nothing
  std::string absence() const;  // why it refers to nothing, for error texts
  std::string name() const;
  friend bool operator==(const Operation& a, const Operation& b) { return a.node_ == b.node_; }

 private:
  Node* node_ = nullptr;
  const std::string* absence_ = nullptr;  // kept by the graph
};

// "'train', NoOp at train.cc:40"
std::ostream& operator<<(std::ostream& out, const Operation& operation);

}  // namespace gradus

template <>
struct std::hash<gradus::Output> {
  std::size_t operator()(const gradus::Output& o) const noexcept {
    return o.valid() ? std::hash<const void*>{}(&o.node()) * 31u + static_cast<std::size_t>(o.index()) : 0;
  }
};
