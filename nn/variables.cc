#include "gradus/nn/variables.h"

#include <fmt/format.h>

#include "gradus/graph/scopes.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"

namespace gradus::nn {
namespace {

constexpr const char* kGlobalStep = "global_step";
thread_local ReuseVariables* innermost_reuse = nullptr;

// Layers find their variables again under the scopes as written, whatever was appended to make node names unique.
std::string collection_of(const std::string& path) { return "nn/variable:" + path; }

}  // namespace

ReuseVariables::ReuseVariables(Graph& graph) : graph_(&graph), outer_(innermost_reuse) { innermost_reuse = this; }
ReuseVariables::~ReuseVariables() { innermost_reuse = outer_; }

Output get_variable(Graph& graph, std::string_view name, DType dtype, const Shape& shape,
                    const Initializer& initializer, const VariableOptions& options, SourceLocation location) {
  const std::string path = graph.scope_path() + std::string(name);
  if (!initializer) throw invalid_argument("the variable '" + path + "' needs an initializer");
  if (!(options.l2 >= 0.0)) {
    throw invalid_argument(fmt::format("l2 of the variable '{}' must not be negative; got {}", path, options.l2));
  }
  ReuseVariables* reuse = innermost_reuse;
  while (reuse != nullptr && reuse->graph_ != &graph) reuse = reuse->outer_;
  if (reuse != nullptr) {
    const std::vector<Output> made = graph.collection(collection_of(path));
    const std::size_t index = reuse->taken_[path]++;
    if (index >= made.size()) {
      throw not_found(fmt::format("no variable '{}' to reuse ({} of that name exist); was the model built before?",
                                  path, made.size()));
    }
    if (made[index].dtype() != dtype || !(made[index].shape() == shape)) {
      throw invalid_argument(fmt::format("the variable to reuse, {}, is {} {}; this layer needs {} {}",
                                         made[index].node().where(), dtype_name(made[index].dtype()),
                                         made[index].shape().to_string(), dtype_name(dtype), shape.to_string()));
    }
    return made[index];
  }
  Output initial_value;
  {
    const NameScope scope(graph, std::string(name) + "_init");
    initial_value = initializer(graph, dtype, shape);
  }
  const Output variable = gradus::variable(initial_value, name, options.trainable, location);
  graph.add_to_collection(collection_of(path), variable);
  if (options.l2 > 0.0) {
    graph.add_to_collection(kRegularizationLosses, options.l2 * l2_loss(variable, std::string(name) + "_l2"));
  }
  return variable;
}

Output global_step(Graph& graph) {
  if (const std::vector<Output> made = graph.collection(kGlobalStep); !made.empty()) return made[0];
  const Output step = gradus::variable(graph, Tensor::scalar<std::int64_t>(0), kGlobalStep, /*trainable=*/false);
  graph.add_to_collection(kGlobalStep, step);
  return step;
}

}  // namespace gradus::nn
