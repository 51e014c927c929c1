// A copy of part of a graph in which every floating tensor is float64: what check_gradients() computes with.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus {

// Copies what `roots` need into a graph of its own: names, devices, source lines and attributes stay, except that every
// floating dtype and constant becomes float64. Outputs in `cuts` become placeholders; nothing above them is copied.
// Control dependencies are left out.
class Float64Twin {
 public:
  Float64Twin(const std::vector<Output>& roots, const std::vector<Output>& cuts, const std::string& device = "");

  Graph& graph() { return *graph_; }
  // The copy of an output of the original; throws NotFound when no root needs it.
  Output of(const Output& original) const;

 private:
  void copy_node(const Node& node, const std::string& device);

  std::unique_ptr<Graph> graph_;
  std::unordered_map<Output, Output> copies_;
};

}  // namespace gradus
