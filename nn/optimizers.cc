#include "gradus/nn/optimizers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <type_traits>

#include "gradus/autodiff/gradients.h"
#include "gradus/core/caller.h"
#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/nn/variables.h"
#include "gradus/ops/accumulation.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/optimizer_updates.h"
#include "gradus/ops/source_ops.h"

namespace gradus::nn {
namespace {

// Collections: what step_counter() made, and the counters that training operations of the graph increase.
constexpr const char* kStepCounters = "nn/step_counters";
constexpr const char* kCountedSteps = "nn/counted_steps";

// State of an optimiser beside a variable, on the variable's device, starting at zero.
Output slot(const Output& variable, const char* kind) {
  Graph& graph = variable.graph();
  const DeviceScope device(graph, variable.node().device());
  const std::string name = fmt::format("{}/{}", variable.node().name(), kind);
  const Output zero = fill(variable.shape().dims(), scalar(graph, 0.0, accumulation_dtype(variable.dtype())));
  return gradus::variable(zero, name, /*trainable=*/false);
}

// 1 for the variable's first update, 2 for the second, ...: what Adam's bias correction counts. Not the step
// counter, which several optimisers may increase in turn.
Output update_number(const Output& variable) {
  Graph& graph = variable.graph();
  const DeviceScope device(graph, variable.node().device());
  const Output count = gradus::variable(graph, Tensor::scalar<std::int64_t>(0), variable.node().name() + "/adam_step",
                                        /*trainable=*/false);
  return assign_add(count, constant(graph, Tensor::scalar<std::int64_t>(1)));
}

bool contains(const std::vector<Output>& outputs, const Output& output) {
  return std::find(outputs.begin(), outputs.end(), output) != outputs.end();
}

// The first of `counters` that `rate` is computed from; refers to nothing when there is none, or no rate.
Output counter_read_by(const Output& rate, const std::vector<Output>& counters) {
  if (!rate.valid()) return {};
  const std::set<const Node*> read = ancestors_of({rate}, Edges::kInputs);
  const auto first =
      std::find_if(counters.begin(), counters.end(), [&](const Output& c) { return read.contains(&c.node()); });
  return first == counters.end() ? Output() : *first;
}

// An error without a place gets the user's line.
template <class F>
std::invoke_result_t<F> at_line(std::string_view function, At at, F&& build) {
  const LocationScope line(at.location);
  try {
    return build();
  } catch (const Error& error) {
    const std::string_view text = error.what();
    if (text.starts_with("[")) throw;
    throw Error(error.code(), fmt::format("[{} '{}' at {}] {}", function, at.name, file_and_line(at.location), text));
  }
}

// Of a bound beyond which gradients are clipped.
void check_bound(const Place& place, const char* what, double value) {
  if (!(value >= 0.0)) place.fail(fmt::format("{} must not be negative (infinity clips nothing); got {}", what, value));
}

void check_variable(const Output& variable) {
  if (variable.valid() && variable.node().def().kind == OpKind::kVariable) return;
  throw invalid_argument(variable.valid() ? "an optimiser updates variables; got " + variable.node().where()
                                          : "a variable refers to nothing");
}

void check_counter(const Output& counter, Graph& graph) {
  if (&counter.graph() != &graph)
    throw invalid_argument("the step counter '" + counter.name() + "' belongs to another graph");
  if (counter.node().def().kind != OpKind::kVariable || counter.dtype() != DType::kInt64 ||
      counter.shape().rank() != 0) {
    throw invalid_argument(fmt::format("a step counter is an int64 scalar variable (nn::step_counter); got {} {} {}",
                                       counter.node().where(), dtype_name(counter.dtype()),
                                       counter.shape().to_string()));
  }
}

// With what the options of all optimisers have.
template <class Options>
Optimizer make_optimizer(const char* name, const Options& o, SourceLocation location, Optimizer::Update update) {
  return {name, o.learning_rate, o.clipping, std::move(update), o.step, location};
}

template <class Options>
Optimizer adam_like(const char* name, const Options& o, double weight_decay, SourceLocation location) {
  const Place place(name, location);
  place.check_fraction("beta1", o.beta1);
  place.check_fraction("beta2", o.beta2);
  place.check_not_negative("epsilon", o.epsilon);
  place.check_not_negative("weight_decay", weight_decay);
  const ApplyAdamAttrs attrs{.beta1 = o.beta1, .beta2 = o.beta2, .epsilon = o.epsilon, .weight_decay = weight_decay};
  return make_optimizer(name, o, location, [attrs](const Output& v, const Output& g, const Output& rate) {
    return apply_adam(v, slot(v, "adam_m"), slot(v, "adam_v"), rate, g, update_number(v), attrs);
  });
}

}  // namespace

LearningRate::LearningRate(double value, SourceLocation location) : value_(value) {
  Place("LearningRate", location).check_not_negative("learning_rate", value);
}

LearningRate::LearningRate(const Output& schedule, SourceLocation location) : schedule_(schedule) {
  const Place place("LearningRate", location);
  place.check_defined("learning_rate", schedule);
  if (is_floating(schedule.dtype())) return;
  place.fail(
      fmt::format("learning_rate must be floating; '{}' is {} (a schedule makes a rate of a step: nn::cosine_decay)",
                  schedule.name(), dtype_name(schedule.dtype())));
}

Output LearningRate::as(Graph& graph, DType dtype, const Output& step) const {
  if (!schedule_.valid() && !schedule_of_) return scalar(graph, value_, dtype, "learning_rate");
  if (schedule_of_ && !step.valid()) throw invalid_argument("the learning rate is a function of a step counter");
  const Output rate = schedule_of_ ? schedule_of_(step) : schedule_;
  if (!rate.valid()) throw invalid_argument("the learning rate's function returned an Output that refers to nothing");
  if (&rate.graph() != &graph)
    throw invalid_argument("the learning rate '" + rate.name() + "' belongs to another graph");
  if (rate.shape().rank() != 0)
    throw invalid_argument("a learning rate is a scalar; got shape " + rate.shape().to_string());
  return as_dtype(rate, dtype);
}

Output step_counter(Graph& graph, At at) {
  const Output counter = gradus::variable(graph, Tensor::scalar<std::int64_t>(0), at, /*trainable=*/false);
  graph.add_to_collection(kStepCounters, counter);
  return counter;
}

Optimizer::Optimizer(std::string name, LearningRate rate, GradientClipping clipping, Update update, StepOptions step,
                     SourceLocation location)
    : name_(std::move(name)),
      rate_(std::move(rate)),
      clipping_(clipping),
      update_(std::move(update)),
      step_(std::move(step)) {
  const Place place(name_, location);
  check_bound(place, "clipping.by_value", clipping.by_value);
  check_bound(place, "clipping.by_global_norm", clipping.by_global_norm);
}

Operation Optimizer::minimize(const Output& loss, const std::vector<Output>& variables, SourceLocation location) const {
  return at_line("minimize", {loss.valid() ? loss.name() : "(no loss)", location},
                 [&] { return apply(clipped_gradients(loss, variables, location)); });
}

GradientsAndVariables Optimizer::compute_gradients(const Output& loss, const std::vector<Output>& variables,
                                                   SourceLocation location) const {
  return at_line("compute_gradients", {loss.valid() ? loss.name() : "(no loss)", location},
                 [&] { return clipped_gradients(loss, variables, location); });
}

Operation Optimizer::apply_gradients(const GradientsAndVariables& gradients, SourceLocation location) const {
  return at_line("apply_gradients", {name_, location}, [&] { return apply(gradients); });
}

GradientsAndVariables Optimizer::clipped_gradients(const Output& loss, const std::vector<Output>& variables,
                                                   SourceLocation location) const {
  if (!loss.valid()) throw invalid_argument("the loss refers to nothing: " + loss.absence());
  if (loss.shape().rank() != 0)
    throw invalid_argument("the loss must be a scalar (reduce_mean it?); got shape " + loss.shape().to_string());
  const std::vector<Output> xs = variables.empty() ? loss.graph().collection(kTrainableVariables) : variables;
  if (xs.empty()) throw invalid_argument("the graph has no trainable variables");
  for (const Output& x : xs) check_variable(x);
  std::vector<Output> gradients = gradus::gradients(loss, xs, {}, Unconnected::kNone, location);
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (!gradients[i].valid()) {
      throw invalid_argument(
          fmt::format("the loss does not depend on the variable {}; pass the variables to train, or make it "
                      "trainable = false. More exactly: {}",
                      xs[i].node().where(), gradients[i].absence()));
    }
  }
  const NameScope scope(loss.graph(), "clipping");
  if (clipping_.by_value > 0.0 && std::isfinite(clipping_.by_value)) {
    for (Output& g : gradients) g = clip_by_value(g, -clipping_.by_value, clipping_.by_value);
  }
  if (clipping_.by_global_norm > 0.0) gradients = clip_by_global_norm(gradients, clipping_.by_global_norm);
  GradientsAndVariables result;
  for (std::size_t i = 0; i < xs.size(); ++i) result.emplace_back(gradients[i], xs[i]);
  return result;
}

// The counter that exists already; refers to nothing when a new one is to be made.
Output Optimizer::counter_in(Graph& graph) const {
  const std::vector<Output> counted = graph.collection(kCountedSteps);
  std::vector<Output> free = graph.collection(kStepCounters);  // counters that nobody increases yet
  std::erase_if(free, [&](const Output& counter) { return contains(counted, counter); });
  Output counter = step_.counter;
  if (counter.valid()) {
    check_counter(counter, graph);
  } else if (const Output read = counter_read_by(rate_.node(), free); read.valid()) {
    counter = read;
  } else if (const Output global = global_step(graph); !contains(counted, global)) {
    counter = global;
  }
  if (!counter.valid() || !counter_read_by(rate_.node(), {counter}).valid()) {
    if (const Output other = counter_read_by(rate_.node(), counted); other.valid()) {
      throw invalid_argument(fmt::format(
          "the learning rate '{}' reads the counter '{}', which another training operation increases and this one does "
          "not. To count in turn, say .step = {{.counter = (that counter)}}; to count apart, give the schedule as a "
          "function: .learning_rate = [](const Output& step) {{ ... }}",
          rate_.node().name(), other.name()));
    }
  }
  return counter;
}

std::vector<Operation> Optimizer::updates_with(Graph& graph, const GradientsAndVariables& gradients) const {
  if (!step_.updates) return update_ops_of(graph, gradients);
  std::vector<Operation> updates;
  for (const Output& update : *step_.updates) {
    if (!update.valid()) throw invalid_argument("one of the updates to run refers to nothing");
    updates.emplace_back(update);
  }
  return updates;
}

Operation Optimizer::apply(const GradientsAndVariables& gradients) const {
  if (gradients.empty()) throw invalid_argument("there are no gradients to apply");
  for (const auto& [gradient, variable] : gradients) {
    check_variable(variable);
    if (!gradient.valid())
      throw invalid_argument("there is no gradient for " + variable.node().where() + ": " + gradient.absence());
  }
  Graph& graph = gradients[0].second.graph();
  const std::vector<Operation> moving_averages = updates_with(graph, gradients);
  Output step = counter_in(graph);
  const NameScope scope(graph, name_);
  if (!step.valid()) step = step_counter(graph);
  if (!contains(graph.collection(kCountedSteps), step)) graph.add_to_collection(kCountedSteps, step);
  std::vector<Operation> updates;
  std::map<DType, Output> rates;  // one node per dtype
  for (const auto& [gradient, variable] : gradients) {
    const DType dtype = accumulation_dtype(variable.dtype());
    Output& rate = rates[dtype];
    if (!rate.valid()) rate = rate_.as(graph, dtype, step);
    updates.emplace_back(update_(variable, gradient, rate));
  }
  updates.insert(updates.end(), moving_averages.begin(), moving_averages.end());
  updates.emplace_back(assign_add(step, constant(graph, Tensor::scalar<std::int64_t>(1)), "count_step"));
  return group(updates, "train");
}

Optimizer sgd(const SgdOptions& o, SourceLocation location) {
  return make_optimizer("sgd", o, location, [](const Output& v, const Output& g, const Output& rate) {
    return apply_gradient_descent(v, rate, g);
  });
}

Optimizer momentum(const MomentumOptions& o, SourceLocation location) {
  const Place place("momentum", location);
  place.check_fraction("momentum", o.momentum);
  return make_optimizer("momentum", o, location, [o](const Output& v, const Output& g, const Output& rate) {
    return apply_momentum(v, slot(v, "momentum"), rate, g, scalar(v.graph(), o.momentum, rate.dtype()),
                          {.use_nesterov = o.nesterov});
  });
}

Optimizer rms_prop(const RmsPropOptions& o, SourceLocation location) {
  const Place place("rms_prop", location);
  place.check_fraction("rho", o.rho);
  place.check_fraction("momentum", o.momentum);
  place.check_not_negative("epsilon", o.epsilon);
  return make_optimizer("rms_prop", o, location, [o](const Output& v, const Output& g, const Output& rate) {
    return apply_rms_prop(v, slot(v, "mean_square"), slot(v, "momentum"), rate, g,
                          scalar(v.graph(), o.momentum, rate.dtype()), {.rho = o.rho, .epsilon = o.epsilon});
  });
}

Optimizer adam(const AdamOptions& o, SourceLocation location) { return adam_like("adam", o, 0.0, location); }
Optimizer adamw(const AdamWOptions& o, SourceLocation location) {
  return adam_like("adamw", o, o.weight_decay, location);
}

}  // namespace gradus::nn
