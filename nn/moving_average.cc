#include "gradus/nn/moving_average.h"

#include <fmt/format.h>

#include "gradus/core/nearest_names.h"
#include "gradus/graph/collections.h"
#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/ops/accumulation.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/source_ops.h"

namespace gradus::nn {

ExponentialMovingAverage::ExponentialMovingAverage(Graph& graph, double decay, const std::vector<Output>& variables,
                                                   SourceLocation location)
    : graph_(graph), decay_(decay), variables_(variables.empty() ? graph.collection(kTrainableVariables) : variables) {
  const Place place("ExponentialMovingAverage", location);
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
    const std::string name = v.node().name() + "/average";
    averages_.push_back(variable(accumulated(v), name, /*trainable=*/false));
    graph.add_to_collection(moving_averages_of(v), averages_.back());
    rests_.push_back(v.dtype() == averages_.back().dtype()
                         ? Output()
                         : variable(zeros_like(averages_.back()), name + "_rest", /*trainable=*/false));
  }
}

Operation ExponentialMovingAverage::update(const Operation& after, SourceLocation location) const {
  const Place place("ExponentialMovingAverage::update", location);
  if (!after.valid()) place.fail("the operation to run before refers to nothing; pass what minimize() returned");
  const NameScope scope(graph_, "moving_average");
  const ControlScope control(graph_, {after});
  std::vector<Operation> updates;
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    updates.emplace_back(assign_sub(averages_[i], (1.0 - decay_) * (averages_[i] - accumulated(variables_[i]))));
  }
  return group(updates, "update");
}

Output ExponentialMovingAverage::average(const Output& variable, SourceLocation location) const {
  const Place place("ExponentialMovingAverage::average", location);
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
    const Tensor value = session.value(variables_[i]), average = session.value(averages_[i]);
    const Tensor rounded = average.cast(variables_[i].dtype());
    Tensor back = value.cast(average.dtype());
    if (rests_[i]
            .valid()) {  // exact, because a number of 16 bits is within half a unit of the float32 that it was rounded from
      Tensor rest = session.value(rests_[i]);
      for (std::int64_t k = 0; k < rest.num_elements(); ++k) {
        back.set(k, back.at(k) + rest.at(k));
        rest.set(k, average.at(k) - rounded.at(k));
      }
      session.set_value(rests_[i], rest);
    }
    session.set_value(variables_[i], rounded);
    session.set_value(averages_[i], back);
  }
}

}  // namespace gradus::nn
