// What check_gradients() computes with: a copy of part of a graph in which every floating tensor is float64.
#pragma once

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "gradus/graph/run/session.h"

namespace gradus {

// A graph of its own. Copies keep their names, devices, source lines and attributes, except that every floating dtype and
// constant becomes float64. Control dependencies are left out.
class Float64Twin {
 public:
  // Nothing is copied yet.
  explicit Float64Twin(const OpRegistry& ops) : graph_(std::make_unique<Graph>(ops)) {}
  // Copies what `roots` need. Outputs in `cuts` become placeholders; nothing above them is copied.
  Float64Twin(const std::vector<Output>& roots, const std::unordered_set<Output>& cuts, const std::string& device);

  Graph& graph() { return *graph_; }
  // One more copy, on its node's device where `device` is empty.
  Node& copy(const Node& node, std::vector<Output> inputs, const std::string& device);
  // The copy of an output of the original; throws NotFound when no root needs it.
  Output of(const Output& original) const;

 private:
  std::unique_ptr<Graph> graph_;
  std::unordered_map<Output, Output> copies_;
};

// The nodes that `outputs` need, in run order. The graph ends at `cuts`: what only they need is left out.
std::vector<Node*> nodes_needed(const std::vector<Output>& outputs, const std::unordered_set<Output>& cuts);

std::unordered_set<Output> fed_outputs(const Feeds& feeds);

// Runs the session so that random ops draw the same numbers every time.
std::vector<Tensor> run_again(Session& session, const Feeds& feeds, const std::vector<Output>& fetches);

}  // namespace gradus
