#include "gradus/nn/moving_average.h"

#include <fmt/format.h>

#include "gradus/graph/scopes.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/source_ops.h"

namespace gradus::nn {

ExponentialMovingAverage::ExponentialMovingAverage(Graph& graph, double decay, const std::vector<Output>& variables)
    : graph_(graph), decay_(decay), variables_(variables.empty() ? graph.collection(kTrainableVariables) : variables) {
  if (!(decay >= 0.0 && decay < 1.0))
    throw invalid_argument(fmt::format("the decay of a moving average must be in [0, 1); got {}", decay));
  if (variables_.empty()) throw invalid_argument("a moving average needs variables; the graph has no trainable ones");
  for (const Output& v : variables_) {
    if (v.node().def().kind != OpKind::kVariable || !is_floating(v.dtype())) {
      throw invalid_argument(fmt::format("{} a moving average needs floating variables; '{}' is {} {}",
                                         v.node().where(), v.name(), dtype_name(v.dtype()), v.node().op()));
    }
    const DeviceScope device(graph, v.node().device());
    averages_.push_back(variable(v, v.node().name() + "/average", /*trainable=*/false));
  }
}

Operation ExponentialMovingAverage::update(const Operation& after) const {
  const NameScope scope(graph_, "moving_average");
  const ControlScope control(graph_, {after});
  std::vector<Operation> updates;
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    updates.emplace_back(assign_sub(averages_[i], (1.0 - decay_) * (averages_[i] - variables_[i])));
  }
  return group(updates, "update");
}

Output ExponentialMovingAverage::average(const Output& variable) const {
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    if (variables_[i] == variable) return averages_[i];
  }
  throw not_found("no moving average is kept of '" + variable.name() + "'");
}

void ExponentialMovingAverage::swap(Session& session) const {
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    const Tensor value = session.value(variables_[i]);
    session.set_value(variables_[i], session.value(averages_[i]));
    session.set_value(averages_[i], value);
  }
}

}  // namespace gradus::nn
