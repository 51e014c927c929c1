// The variables of layers, and sharing them between two builds of the same model (training and inference).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "gradus/graph/graph.h"
#include "gradus/nn/initializers.h"

namespace gradus::nn {

struct VariableOptions {
  bool trainable = true;
  // Adds l2 * sum(v^2) / 2 to the collection `regularization_losses`.
  double l2 = 0.0;
};

// A variable called `name` in the open name scopes, a member of the collection kModelVariables (graph/collections.h). While a
// ReuseVariables is alive, the one that was made before under the same scopes and name (NotFound when there is none, or all of
// that name are taken; the text has the nearest names. InvalidArgument when its dtype or shape differ).
Output get_variable(Graph& graph, std::string_view name, DType dtype, const Shape& shape,
                    const Initializer& initializer, const VariableOptions& options = {},
                    SourceLocation location = SourceLocation::current());

// While alive, layers on `graph` take the variables that exist instead of making new ones, in the order in which they were
// made where a name repeats:
//
//   const Output train_logits = nn::resnet20(images, {.training = true});
//   const nn::ReuseVariables reuse(graph);
//   const Output test_logits = nn::resnet20(images, {.training = false});
//
// Each variable is given out once: a third build needs a ReuseVariables of its own.
// Belongs to the thread that makes it.
class ReuseVariables {
 public:
  explicit ReuseVariables(Graph& graph);
  ~ReuseVariables();
  ReuseVariables(const ReuseVariables&) = delete;
  ReuseVariables& operator=(const ReuseVariables&) = delete;

 private:
  friend Output get_variable(Graph&, std::string_view, DType, const Shape&, const Initializer&, const VariableOptions&,
                             SourceLocation);
  Graph* graph_;
  ReuseVariables* outer_;
  std::map<std::string, std::size_t> taken_;
};

// An int64 scalar that the graph's first training operation increases by one per step; made when first asked for. For the steps of
// a second optimiser on the graph see step_counter() in nn/optimizers.h.
Output global_step(Graph& graph, SourceLocation location = SourceLocation::current());

}  // namespace gradus::nn
