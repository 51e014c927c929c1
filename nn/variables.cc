#include "gradus/nn/variables.h"
#include "gradus/core/nearest_names.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "gradus/graph/collections.h"
#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/ops/accumulation.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"

namespace gradus::nn {
namespace {

constexpr const char* kGlobalStep = "global_step";
thread_local ReuseVariables* innermost_reuse = nullptr;

constexpr std::string_view kMadeUnder = "nn/variable:";

// Layers find their variables again under the scopes as written, whatever was appended to make node names unique.
std::string collection_of(const std::string& path) { return std::string(kMadeUnder) + path; }

// The last `parts` parts of a path: "b/kernel" of "a/b/kernel" for 2.
std::string_view ending(std::string_view path, int parts) {
  std::size_t at = path.size();
  for (; parts > 0 && at != std::string_view::npos && at > 0; --parts) at = path.rfind('/', at - 1);
  return at == std::string_view::npos || at == 0 ? path : path.substr(at + 1);
}

// Paths at which variables were made: those that end like `path` in other scopes; else the nearest by spelling.
std::string nearest_paths(const Graph& graph, const std::string& path) {
  std::vector<std::string> paths, alike;
  for (const auto& [collection, variables] : graph.collections()) {
    if (collection.starts_with(kMadeUnder)) paths.push_back(collection.substr(kMadeUnder.size()));
  }
  if (paths.empty()) return "; the graph has no variables of layers yet";
  for (const std::string& other : paths) {
    if (ending(other, 2) == ending(path, 2)) alike.push_back(other);
  }
  if (alike.empty()) return did_you_mean(path, paths);
  if (alike.size() > 3) alike.resize(3);
  return fmt::format("; did you mean {}?", fmt::join(alike, ", "));
}

// With a full stop unless it ends in a question.
std::string sentence(std::string text) {
  if (!text.ends_with('?')) text += '.';
  return text;
}

// Why a ReuseVariables has no variable for `path`, and what to do. `made`: those of that path.
std::string nothing_to_reuse(const Graph& graph, const std::string& path, const std::vector<Output>& made) {
  if (made.empty()) {
    return fmt::format(
        "a ReuseVariables is alive, and there is no variable '{}' to reuse{} Build the layer once before it, in the "
        "same name scopes, or end it where new variables are wanted",
        path, sentence(nearest_paths(graph, path)));
  }
  return fmt::format(
      "no variable '{}' is left to reuse: {} made under that name ({}{}), and this ReuseVariables has given {} out. "
      "Open another ReuseVariables for another build, or give the layer another name",
      path, made.size() == 1 ? "one was" : fmt::format("{} were", made.size()),
      made.size() == 1 ? "" : "the last: ", made.back().node().where(), made.size() == 1 ? "it" : "them all");
}

}  // namespace

ReuseVariables::ReuseVariables(Graph& graph) : graph_(&graph), outer_(innermost_reuse) { innermost_reuse = this; }
ReuseVariables::~ReuseVariables() { innermost_reuse = outer_; }

Output get_variable(Graph& graph, std::string_view name, DType dtype, const Shape& shape,
                    const Initializer& initializer, const VariableOptions& options, SourceLocation location) {
  const std::string path = graph.scope_path() + std::string(name);
  // A layer's mistake is the layer's, not that of its variable.
  std::optional<Place> own;
  if (Place::innermost() == nullptr) own.emplace("get_variable", At{path, location});
  const Place& place = *Place::innermost();
  if (name.empty()) place.fail("a variable needs a name that is not empty; the open scopes are '" + path + "'");
  if (!initializer)
    place.fail("the variable '" + path + "' needs an initializer; got none (nn::zeros(), nn::he_normal(), ...)");
  if (!(options.l2 >= 0.0 && std::isfinite(options.l2))) {
    place.fail(fmt::format("l2 of the variable '{}' must not be negative, and finite; got {}", path, options.l2));
  }
  if (!shape.fully_known()) {
    place.fail(fmt::format("the variable '{}' needs a shape without unknown sizes; got {}", path, shape.to_string()));
  }
  ReuseVariables* reuse = innermost_reuse;
  while (reuse != nullptr && reuse->graph_ != &graph) reuse = reuse->outer_;
  if (reuse != nullptr) {
    const std::vector<Output> made = graph.collection(collection_of(path));
    std::size_t& taken = reuse->taken_[path];
    if (taken >= made.size()) throw not_found(place.prefix() + nothing_to_reuse(graph, path, made));
    const Output& found = made[taken];
    if (found.dtype() != dtype || !(found.shape() == shape)) {
      place.fail(
          fmt::format("the variable to reuse, {}, is {} {}; this layer needs {} {}. Build both with the same options, "
                      "or give the other "
                      "layer another name",
                      found.node().where(), dtype_name(found.dtype()), found.shape().to_string(), dtype_name(dtype),
                      shape.to_string()));
    }
    ++taken;
    return found;
  }
  Output initial_value;
  {
    const NameScope scope(graph, std::string(name) + "_init");
    initial_value = initializer(graph, dtype, shape);
  }
  // One that broadcasts would go unnoticed.
  if (!initial_value.valid())
    place.fail("the initializer of '" + path + "' made no value: its Output refers to nothing");
  if (&initial_value.graph() != &graph) {
    place.fail("the initializer of '" + path +
               "' made its value in another graph; make it in the one that is handed to it");
  }
  if (initial_value.dtype() != dtype || !(initial_value.shape() == shape)) {
    place.fail(fmt::format(
        "the initializer of '{}' made {} {} for a variable of {} {}; it is handed the dtype and the shape", path,
        dtype_name(initial_value.dtype()), initial_value.shape().to_string(), dtype_name(dtype), shape.to_string()));
  }
  const Output variable = gradus::variable(initial_value, {name, location}, options.trainable);
  graph.add_to_collection(collection_of(path), variable);
  graph.add_to_collection(kModelVariables, variable);
  if (options.l2 > 0.0) {
    // Neither a small l2 nor the sum of squares need be a float16; their product is rounded once.
    const Output loss = options.l2 * l2_loss(accumulated(variable), std::string(name) + "_l2");
    graph.add_to_collection(kRegularizationLosses, as_dtype(loss, dtype));
  }
  return variable;
}

Output global_step(Graph& graph, SourceLocation location) {
  if (const std::vector<Output> made = graph.collection(kGlobalStep); !made.empty()) return made[0];
  const Place place("global_step", location);
  const Output step = gradus::variable(graph, Tensor::scalar<std::int64_t>(0), kGlobalStep, /*trainable=*/false);
  graph.add_to_collection(kGlobalStep, step);
  return step;
}

}  // namespace gradus::nn
