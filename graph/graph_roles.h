// What the nodes of a training graph are there for. Pictures, plan reports and model summaries tell parts apart by it; the functions
// are theirs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus {

enum class NodeRole {
  kForward,       // the model and its loss
  kInitialValue,  // computes nothing but initial values of variables
  kGradient,      // made by gradients()
  // Overwrites variables, or serves nothing else: optimisers with their slots, rates and counters, clipped gradients, updates of
  // moving averages, and the group that runs them.
  kUpdate,
};

// By node id. Looks at the whole graph once.
std::vector<NodeRole> node_roles(const Graph& graph);

// The node that a gradient node belongs to: forward_node() until there is none.
const Node& base_forward_node(const Node& node);
// 0 for nodes that gradients() did not make, 1 for gradients, 2 for gradients of those, ...
int gradient_order(const Node& node);

// True for nodes that got the op's name because the user gave none: "block/Relu", "block/Relu_1".
bool is_named_after_op(const Node& node);

// The first `levels` parts of a name: ("a/b/c", 2) is "a/b"; the whole name where it has no more.
std::string_view name_levels(std::string_view name, int levels);
int count_levels(std::string_view name);
// "a/b" for "a/b/c", "" for "c".
std::string_view scope_of(std::string_view name);
// True for "a/b" and "a/b/c" in "a/b", which may be written "a/b/".
bool is_in_scope(std::string_view name, std::string_view scope);

}  // namespace gradus
