// What a picture of a graph shows: which nodes, and which of them share a box. Internal to graph/; graph_dot.cc writes the text.
#pragma once

#include <string>
#include <vector>

#include "gradus/exchange/graph_dot.h"
#include "gradus/graph/graph_roles.h"

namespace gradus {

struct DotBox {
  std::string name;  // the node's name, or the scope's
  bool folded = false;
  bool is_update = false;
  bool outside = false;    // not of the part that is drawn, but used by it: only its name is shown
  int order = 0;           // 0: forward nodes and updates; 1: gradients; ...
  int mirrors = -1;        // the forward box of a box of gradients, where it is drawn
  std::vector<int> nodes;  // ids, ascending
};

struct DotBoxes {
  bool every_node = true;  // nothing is folded by scopes
  std::vector<DotBox> boxes;
  std::vector<int> box_of;  // by node id; -1: not drawn
};

// "gradients", "gradients of order 2": the frame, or the box, of an order from 1 on.
std::string gradients_title(int order);

DotBoxes dot_boxes(const Graph& graph, const DotOptions& options, const std::vector<NodeRole>& roles);

}  // namespace gradus
