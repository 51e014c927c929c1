// A model as a table: its layers with their output shapes and parameters.
//
//   std::cout << nn::summary(logits) << '\n';
//
//   layer          type             output                parameters
//   images         Placeholder      float32 [?,28,28,1]
//   lenet5/conv1   Conv2D, BiasAdd  float32 [?,28,28,6]          156
//   ...
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus::nn {

// A name scope whose nodes read variables, or a node outside of any such scope (an activation, a pooling), or a scope without
// variables (a loss).
struct LayerSummary {
  std::string name;
  std::string type;  // the ops that the layer's input passes through: "Conv2D, BiasAdd"
  DType dtype = DType::kFloat32;
  Shape output;                                   // unknown sizes are -1
  std::int64_t trainable = 0, not_trainable = 0;  // elements of its variables
  std::int64_t shared = 0;                        // of variables that are counted at an earlier layer
};

struct ModelSummary {
  std::vector<LayerSummary> layers;               // inputs first
  std::int64_t trainable = 0, not_trainable = 0;  // elements of all layers' variables
  std::size_t trainable_bytes = 0, not_trainable_bytes = 0;
  // Variables of no layer: slots and counters of optimisers, moving averages of weights. Only in the summary of a graph.
  std::int64_t other_variables = 0;
  std::size_t other_bytes = 0;
  std::string to_string() const;
};
std::ostream& operator<<(std::ostream& out, const ModelSummary& summary);

// The model and its losses: everything in the graph but gradients, updates and initial values. Trainable are the variables in the
// collection trainable_variables.
ModelSummary summary(const Graph& graph);
// What `output` needs. Throws InvalidArgument when it refers to nothing.
ModelSummary summary(const Output& output);

}  // namespace gradus::nn
