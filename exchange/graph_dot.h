// Graphs as pictures: text for Graphviz (`dot -Tsvg graph.dot -o graph.svg`). Forward nodes stand in one frame, top to bottom; what
// gradients() made stands in another beside it, bottom to top, each tied to its forward node by a dashed line; updates of
// variables stand in a third. Gradients of gradients get a further frame per order. docs/graph_files.md explains the pictures.
#pragma once

#include <climits>
#include <string>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus {

enum class DotPart {
  kDrawn,   // by nodes and folded scopes, as options.depth says
  kFolded,  // as one box
  kHidden,
};

struct DotOptions {
  bool constants = true;      // draw Constant nodes; folded pictures never do
  bool shapes = true;         // write dtype and shape under each node
  bool forward_links = true;  // draw the dashed lines

  // Scopes that are deeper are folded into one box: at depth 2, all of "lenet5/conv1/..." is one box "lenet5/conv1", which tells
  // its ops, its result and the number of its trainable parameters, and whose gradients are one box beside it. kAutomatic draws
  // every node where these are at most max_boxes / 2, and otherwise the deepest scopes that make at most max_boxes boxes.
  static constexpr int kAutomatic = -1;
  static constexpr int kEveryNode = INT_MAX;
  int depth = kAutomatic;
  int max_boxes = 40;
  // Scopes that are drawn by nodes whatever the depth: {"resnet20/stage1_block1"}.
  std::vector<std::string> unfold = {};

  DotPart gradients = DotPart::kDrawn;
  DotPart updates = DotPart::kFolded;  // optimisers and moving averages, with their variables, rates and counters
  bool initial_values = false;         // what computes the initial values of variables

  // Parts of a graph. What is used from outside the part is drawn as a grey name.
  std::string scope = "";         // nodes in this name scope, and their gradients
  std::vector<Output> from = {};  // nodes that depend on one of these, and these,
  std::vector<Output> to = {};    // that one of these depends on, and these. Both: the paths between them
};

// Throws InvalidArgument for a depth of 0 or below -1, max_boxes below 1, and `from` or `to` of another graph; NotFound for a scope that
// the graph does not have, with the nearest names.
std::string to_dot(const Graph& graph, const DotOptions& options = {});

}  // namespace gradus
