// How gradients() reads values of recompute scopes (graph/recompute_scope.h): from copies of their nodes that run when the backward pass
// comes to the scope.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus {

// One per call of gradients(), made when that has built nothing yet.
class Recomputation {
 public:
  explicit Recomputation(Graph& graph);

  // Throws InvalidArgument in the caller's name where a scope of the graph has not ended: what it holds is not known yet.
  static void require_closed_scopes(const Graph& graph, const Caller& caller);

  // Where the rule of `node` finds forward values, now that gradients have arrived at the node (valid or not, at least one is); empty
  // where the node is in no scope. Nodes are asked for from the largest id down.
  std::function<Output(const Output&)> values_for(const Node& node, const std::vector<Output>& gradients);

 private:
  // One scope. "Outside" is the scope around it, or the graph as the user built it.
  class Scope {
   public:
    Scope(Recomputation& all, Graph& graph, std::set<int> members)
        : all_(all), graph_(graph), members_(std::move(members)) {}

    std::size_t size() const { return members_.size(); }
    const std::set<int>& members() const { return members_; }
    void set_outer(Scope* outer) { outer_ = outer; }
    // Copies of nodes wait for this gradient, or for an earlier one.
    void start(Node& gradient);
    // The value for a gradient rule.
    Output value(const Output& output);

   private:
    bool is_computed_again(const Node& node) const { return again_.contains(node.id()); }
    bool comes_from_outside(const Output& output) const;
    void find_computed_again();
    Output outside(const Output& output) { return outer_ != nullptr ? outer_->value(output) : output; }
    Output if_there(const Output& output) const;
    bool is_kept(const Output& output) const;
    void copy_with_inputs(const Output& output);
    void copy(const Node& node);
    Output input_of_copy(const Output& input);
    Output delayed(const Output& input);

    Recomputation& all_;
    Graph& graph_;
    std::set<int> members_;  // node ids
    std::unordered_set<int> again_;
    Scope* outer_ = nullptr;
    Node* gradient_ = nullptr;
    std::unordered_map<Output, Output> values_;  // that copies read and make, by forward outputs
  };

  void find_used();

  Graph& graph_;
  std::string prefix_;
  std::vector<std::unique_ptr<Scope>> scopes_;  // the smallest first
  std::unordered_map<int, Scope*> innermost_;   // by node id
  std::unordered_set<Output> used_;             // by the gradients so far
  int next_ = 0;                                // the first node that is not yet looked at for that
};

}  // namespace gradus
