// Graphs as pictures: text for Graphviz (`dot -Tsvg graph.dot -o graph.svg`). Forward nodes stand in one box, top to bottom;
// the nodes that gradients() made stand in another beside it, bottom to top, each tied to its forward node by a dashed line.
// Gradients of gradients get a further box per order.
#pragma once

#include <string>

#include "gradus/graph/graph.h"

namespace gradus {

struct DotOptions {
  bool constants = true;      // draw Constant nodes; without them, sizes and axes clutter less
  bool shapes = true;         // write dtype and shape under each node
  bool forward_links = true;  // draw the dashed lines
};

std::string to_dot(const Graph& graph, const DotOptions& options = {});

}  // namespace gradus
