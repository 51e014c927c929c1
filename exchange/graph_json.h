// Graphs as JSON: everything a graph holds (ops, attributes with every bit of their tensors, names, devices, control inputs,
// collections, the links from gradient nodes to their forward nodes, file and line), so that a graph read back computes the
// same values, explains itself the same way and can be differentiated further. The one thing a file cannot hold is the C++
// function inside custom_gradient(); gradients that were built before saving are ordinary nodes and are kept.
//
//   {"format": "gradus-graph", "version": 1,
//    "nodes": [{"name": "x", "op": "Placeholder", "attrs": {"dtype": "float32", "shape": [-1, 3]}, "file": "a.cc", "line": 7,
//               "outputs": [{"dtype": "float32", "shape": [-1, 3]}]},
//              {"name": "y", "op": "Square", "inputs": [[0, 0]], ...}],
//    "collections": {"losses": [[1, 0]]}}
//
// A pair [n, i] is output i of node n, counted from 0; a node's inputs come before it. Fields that say nothing are left out.
#pragma once

#include <string>
#include <string_view>

#include "gradus/graph/graph.h"

namespace gradus {

inline constexpr int kGraphJsonVersion = 1;

// Throws InvalidArgument for a name that is not UTF-8.
std::string to_json(const Graph& graph);

// Adds the nodes and collections of `text` to `graph`, which must be empty. Ops are looked up in the graph's registry. Throws,
// and leaves the graph empty: DataLoss (not JSON, or not a graph: missing, unknown or malformed fields, inputs that do not
// exist yet, tensors whose data does not fit their shape), InvalidArgument (another format version, an attribute that the op
// does not have, shapes that this build infers differently), NotFound (an op that is not registered here).
void graph_from_json(std::string_view text, Graph& graph);

}  // namespace gradus
