// What headers of builder functions need: attributes, At, and of the graph no more than names, so that a kernel can include an op's
// attributes without the graph.
#pragma once

#include "gradus/core/at.h"
#include "gradus/core/attrs.h"

namespace gradus {

class Graph;
class Node;
class OpRegistry;
class Operation;
class Output;

}  // namespace gradus
