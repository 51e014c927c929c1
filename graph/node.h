// One node of a graph: an op applied to inputs. Nodes are owned by their Graph, made only by Graph::add_node, and never change
// after that, so any number of sessions may read them at once.
#pragma once

#include <string>
#include <vector>

#include "gradus/core/attrs.h"
#include "gradus/core/source_location.h"
#include "gradus/graph/op_registry.h"
#include "gradus/graph/output.h"

namespace gradus {

class Node {
 public:
  int id() const { return id_; }  // position in the graph: inputs have smaller ids
  const std::string& name() const { return name_; }
  const std::string& op() const { return def_->name; }
  const OpDef& def() const { return *def_; }
  const Attrs& attrs() const { return attrs_; }
  template <class T>
  const T& attrs_as() const {
    return attrs_.get<T>();
  }
  Graph& graph() const { return *graph_; }

  const std::vector<Output>& inputs() const { return inputs_; }
  Output input(int i) const;  // throws InvalidArgument when there is no such input
  const std::vector<Node*>& control_inputs() const { return control_inputs_; }
  int num_outputs() const { return static_cast<int>(outputs_.size()); }
  Output output(int i);                        // throws InvalidArgument when there is no such output
  const TensorInfo& output_info(int i) const;  // likewise

  // The device the user asked for, "" for the session's default.
  const std::string& device() const { return device_; }
  // Where the user's program added the node: the file's base name and the line.
  const std::string& file() const { return file_; }
  int line() const { return line_; }
  // "[Conv2D 'block1/conv' at train.cc:31]"
  std::string where() const;

  // For nodes that gradients() made: the forward node and the op whose rule made it; nullptr and "" otherwise.
  const Node* forward_node() const { return forward_node_; }
  const std::string& gradient_rule() const { return gradient_rule_; }

 private:
  friend class Graph;
  Node() = default;
  int id_ = 0;
  int line_ = 0;
  std::string name_;
  std::string file_;
  std::string device_;
  std::string gradient_rule_;
  const Node* forward_node_ = nullptr;
  const OpDef* def_ = nullptr;
  Graph* graph_ = nullptr;
  Attrs attrs_;
  std::vector<Output> inputs_;
  std::vector<Node*> control_inputs_;
  std::vector<TensorInfo> outputs_;
};

}  // namespace gradus
