#include "gradus/nn/moving_average.h"

#include <fmt/format.h>

#include "gradus/graph/collections.h"
#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/source_ops.h"

namespace gradus::nn {

ExponentialMovingAverage::ExponentialMovingAverage(Graph& graph, double decay, const std::vector<Output>& variables,
                                                   SourceLocation location)
    : graph_(graph), decay_(decay), variables_(variables.empty() ? graph.collection(kTrainableVariables) : variables) {
  const Place place("ExponentialMovingAverage", "", location);
  place.check_fraction("decay", decay);
  if (variables_.empty()) place.fail("needs variables; the graph has no trainable ones (build the model before)");
  for (const Output& v : variables_) {
    place.check_defined("a variable", v);
    if (&v.graph() != &graph) place.fail("the variable '" + v.name() + "' belongs to another graph");
    if (v.node().def().kind != OpKind::kVariable || !is_floating(v.dtype())) {
      place.fail(fmt::format("a moving average needs floating variables; '{}' is {} {}", v.name(),
                             dtype_name(v.dtype()), v.node().op()));
    }
    const DeviceScope device(graph, v.node().device());
    averages_.push_back(variable(v, v.node().name() + "/average", /*trainable=*/false));
    graph.add_to_collection(moving_averages_of(v), averages_.back());
  }
}

Operation ExponentialMovingAverage::update(const Operation& after, SourceLocation location) const {
  const Place place("ExponentialMovingAverage::update", "", location);
  if (!after.valid()) place.fail("the operation to run before refers to nothing; pass what minimize() returned");
  const NameScope scope(graph_, "moving_average");
  const ControlScope control(graph_, {after});
  std::vector<Operation> updates;
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    updates.emplace_back(assign_sub(averages_[i], (1.0 - decay_) * (averages_[i] - variables_[i])));
  }
  return group(updates, "update");
}

Output ExponentialMovingAverage::average(const Output& variable, SourceLocation location) const {
  const Place place("ExponentialMovingAverage::average", "", location);
  place.check_defined("the variable", variable);
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    if (variables_[i] == variable) return averages_[i];
  }
  std::vector<std::string> kept;
  for (const Output& v : variables_) kept.push_back(v.name());
  throw not_found(place.prefix() + "no moving average is kept of '" + variable.name() + "'" +
                  did_you_mean(variable.name(), kept));
}

void ExponentialMovingAverage::swap(Session& session) const {
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    const Tensor value = session.value(variables_[i]);
    session.set_value(variables_[i], session.value(averages_[i]));
    session.set_value(averages_[i], value);
  }
}

}  // namespace gradus::nn
