// Which updates of the collection `update_ops` (the moving averages of batch norm) belong to which training operation.
#pragma once

#include <set>
#include <utility>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus::nn {

using GradientsAndVariables = std::vector<std::pair<Output, Output>>;  // (gradient, variable)

// Adds `update` to `update_ops` on behalf of a layer that returned `result` and owns the trainable `variables`. A training
// operation runs it when it trains one of them and its gradients are made from this result: when it trains the layer, as it was
// built here. So the critic's step of a GAN leaves the generator's averages alone, and the other way round.
void add_layer_update(const Output& update, const Output& result, const std::vector<Output>& variables);

// The updates that a training operation of these gradients runs by default: those of the layers that it trains, and of the
// updates that no layer put there all that need no placeholder beyond the gradients' own.
std::vector<Operation> update_ops_of(Graph& graph, const GradientsAndVariables& gradients);

// Everything that `outputs` depend on, they themselves included.
enum class Edges { kAll, kInputs };  // kInputs: without control dependencies
std::set<const Node*> ancestors_of(const std::vector<Output>& outputs, Edges edges = Edges::kAll);

}  // namespace gradus::nn
