#include "gradus/nn/optimizers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/nn/variables.h"
#include "gradus/ops/accumulation.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/optimizer_updates.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"

namespace gradus::nn {
namespace {

// State of an optimiser beside a variable, on the variable's device, starting at zero.
Output slot(const Output& variable, const char* kind) {
  Graph& graph = variable.graph();
  const DeviceScope device(graph, variable.node().device());
  const std::string name = fmt::format("{}/{}", variable.node().name(), kind);
  const Output zero = fill(variable.shape().dims(), scalar(graph, 0.0, accumulation_dtype(variable.dtype())));
  return gradus::variable(zero, name, /*trainable=*/false);
}

// 1 for the variable's first update, 2 for the second, ...: what Adam's bias correction counts. Not the global step, which
// also counts what other optimisers do.
Output update_number(const Output& variable) {
  Graph& graph = variable.graph();
  const DeviceScope device(graph, variable.node().device());
  const Output count = gradus::variable(graph, Tensor::scalar<std::int64_t>(0), variable.node().name() + "/adam_step",
                                        /*trainable=*/false);
  return assign_add(count, constant(graph, Tensor::scalar<std::int64_t>(1)));
}

// The placeholders that `outputs` depend on.
std::set<const Node*> placeholders_of(const std::vector<Output>& outputs) {
  std::set<const Node*> seen, placeholders;
  std::vector<const Node*> stack;
  const auto visit = [&](const Node& node) {
    if (seen.insert(&node).second) stack.push_back(&node);
  };
  for (const Output& output : outputs) visit(output.node());
  while (!stack.empty()) {
    const Node& node = *stack.back();
    stack.pop_back();
    if (node.def().kind == OpKind::kPlaceholder) placeholders.insert(&node);
    for (const Output& input : node.inputs()) visit(input.node());
    for (const Node* control : node.control_inputs()) visit(*control);
  }
  return placeholders;
}

// The collection `update_ops`, without those that need what the gradients do not: a placeholder of another model in the graph.
std::vector<Operation> update_ops_of(Graph& graph, const GradientsAndVariables& gradients) {
  std::vector<Output> roots;
  for (const auto& [gradient, variable] : gradients) roots.push_back(gradient);
  const std::set<const Node*> fed = placeholders_of(roots);
  std::vector<Operation> updates;
  for (const Output& update : graph.collection(kUpdateOps)) {
    const std::set<const Node*> needed = placeholders_of({update});
    if (std::includes(fed.begin(), fed.end(), needed.begin(), needed.end())) updates.emplace_back(update);
  }
  return updates;
}

// An error without a place gets the user's line.
template <class F>
auto at_line(std::string_view function, std::string_view name, SourceLocation location, F&& build) {
  const LocationScope line(location);
  try {
    return build();
  } catch (const Error& error) {
    const std::string_view text = error.what(), file = location.file;
    if (text.starts_with("[")) throw;
    throw Error(error.code(), fmt::format("[{} '{}' at {}:{}] {}", function, name,
                                          file.substr(file.find_last_of('/') + 1), location.line, text));
  }
}

void check_variable(const Output& variable) {
  if (variable.valid() && variable.node().def().kind == OpKind::kVariable) return;
  throw invalid_argument(variable.valid() ? "an optimiser updates variables; got " + variable.node().where()
                                          : "a variable refers to nothing");
}

Optimizer adam_like(const char* name, const AdamWOptions& o, SourceLocation location) {
  const Place place(name, "", location);
  place.check_fraction("beta1", o.beta1);
  place.check_fraction("beta2", o.beta2);
  place.check_not_negative("epsilon", o.epsilon);
  place.check_not_negative("weight_decay", o.weight_decay);
  return {name, o.learning_rate, o.clipping, [o](const Output& v, const Output& g, const Output& rate) {
            return apply_adam(
                v, slot(v, "adam_m"), slot(v, "adam_v"), rate, g, update_number(v),
                {.beta1 = o.beta1, .beta2 = o.beta2, .epsilon = o.epsilon, .weight_decay = o.weight_decay});
          }};
}

}  // namespace

LearningRate::LearningRate(double value, SourceLocation location) : value_(value) {
  Place("LearningRate", "", location).check_not_negative("learning_rate", value);
}

LearningRate::LearningRate(const Output& schedule, SourceLocation location) : schedule_(schedule) {
  const Place place("LearningRate", "", location);
  place.check_defined("learning_rate", schedule);
  if (is_floating(schedule.dtype())) return;
  place.fail(
      fmt::format("learning_rate must be floating; '{}' is {} (a schedule makes a rate of a step: nn::cosine_decay)",
                  schedule.name(), dtype_name(schedule.dtype())));
}

Output LearningRate::as(Graph& graph, DType dtype) const {
  if (!schedule_.valid()) return scalar(graph, value_, dtype, "learning_rate");
  if (&schedule_.graph() != &graph)
    throw invalid_argument("the learning rate '" + schedule_.name() + "' belongs to another graph");
  if (schedule_.shape().rank() != 0)
    throw invalid_argument("a learning rate is a scalar; got shape " + schedule_.shape().to_string());
  return schedule_.dtype() == dtype ? schedule_ : cast(schedule_, dtype);
}

Optimizer::Optimizer(std::string name, LearningRate rate, GradientClipping clipping, Update update,
                     SourceLocation location)
    : name_(std::move(name)), rate_(rate), clipping_(clipping), update_(std::move(update)) {
  const Place place(name_, "", location);
  place.check_not_negative("clipping.by_value", clipping.by_value);
  place.check_not_negative("clipping.by_global_norm", clipping.by_global_norm);
}

Operation Optimizer::minimize(const Output& loss, const std::vector<Output>& variables, SourceLocation location) const {
  return at_line("minimize", loss.valid() ? loss.name() : "", location,
                 [&] { return apply(compute(loss, variables, location)); });
}

Operation Optimizer::apply_gradients(const GradientsAndVariables& gradients, SourceLocation location) const {
  return at_line("apply_gradients", name_, location, [&] { return apply(gradients); });
}

GradientsAndVariables Optimizer::compute_gradients(const Output& loss, const std::vector<Output>& variables,
                                                   SourceLocation location) const {
  return at_line("compute_gradients", loss.valid() ? loss.name() : "", location,
                 [&] { return compute(loss, variables, location); });
}

GradientsAndVariables Optimizer::compute(const Output& loss, const std::vector<Output>& variables,
                                         SourceLocation location) const {
  if (!loss.valid()) throw invalid_argument("the loss refers to nothing");
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
                      "trainable = false",
                      xs[i].node().where()));
    }
  }
  const NameScope scope(loss.graph(), "clipping");
  if (clipping_.by_value > 0.0) {
    for (Output& g : gradients) g = clip_by_value(g, -clipping_.by_value, clipping_.by_value);
  }
  if (clipping_.by_global_norm > 0.0) gradients = clip_by_global_norm(gradients, clipping_.by_global_norm);
  GradientsAndVariables result;
  for (std::size_t i = 0; i < xs.size(); ++i) result.emplace_back(gradients[i], xs[i]);
  return result;
}

Operation Optimizer::apply(const GradientsAndVariables& gradients) const {
  if (gradients.empty()) throw invalid_argument("there are no gradients to apply");
  for (const auto& [gradient, variable] : gradients) {
    check_variable(variable);
    if (!gradient.valid()) throw invalid_argument("there is no gradient for " + variable.node().where());
  }
  Graph& graph = gradients[0].second.graph();
  const std::vector<Operation> moving_averages = update_ops_of(graph, gradients);
  const Output step = global_step(graph);
  const NameScope scope(graph, name_);
  std::vector<Operation> updates;
  std::vector<std::pair<DType, Output>> rates;  // one node per dtype
  for (const auto& [gradient, variable] : gradients) {
    const DType wanted = accumulation_dtype(variable.dtype());
    Output rate;
    for (const auto& [dtype, made] : rates) {
      if (dtype == wanted) rate = made;
    }
    if (!rate.valid()) {
      rate = rate_.as(graph, wanted);
      rates.emplace_back(wanted, rate);
    }
    updates.emplace_back(update_(variable, gradient, rate));
  }
  updates.insert(updates.end(), moving_averages.begin(), moving_averages.end());
  updates.emplace_back(assign_add(step, constant(graph, Tensor::scalar<std::int64_t>(1)), "count_step"));
  return group(updates, "train");
}

Optimizer sgd(const SgdOptions& o, SourceLocation location) {
  return {"sgd", o.learning_rate, o.clipping,
          [](const Output& v, const Output& g, const Output& rate) { return apply_gradient_descent(v, rate, g); },
          location};
}

Optimizer momentum(const MomentumOptions& o, SourceLocation location) {
  const Place place("momentum", "", location);
  place.check_fraction("momentum", o.momentum);
  return {"momentum", o.learning_rate, o.clipping, [o](const Output& v, const Output& g, const Output& rate) {
            return apply_momentum(v, slot(v, "momentum"), rate, g, scalar(v.graph(), o.momentum, rate.dtype()),
                                  {.use_nesterov = o.nesterov});
          }};
}

Optimizer rms_prop(const RmsPropOptions& o, SourceLocation location) {
  const Place place("rms_prop", "", location);
  place.check_fraction("rho", o.rho);
  place.check_fraction("momentum", o.momentum);
  place.check_not_negative("epsilon", o.epsilon);
  return {"rms_prop", o.learning_rate, o.clipping, [o](const Output& v, const Output& g, const Output& rate) {
            return apply_rms_prop(v, slot(v, "mean_square"), slot(v, "momentum"), rate, g,
                                  scalar(v.graph(), o.momentum, rate.dtype()), {.rho = o.rho, .epsilon = o.epsilon});
          }};
}

Optimizer adam(const AdamOptions& o, SourceLocation location) {
  return adam_like("adam",
                   {.learning_rate = o.learning_rate,
                    .beta1 = o.beta1,
                    .beta2 = o.beta2,
                    .epsilon = o.epsilon,
                    .weight_decay = 0.0,
                    .clipping = o.clipping},
                   location);
}
Optimizer adamw(const AdamWOptions& o, SourceLocation location) { return adam_like("adamw", o, location); }

std::vector<Output> clip_by_global_norm(const std::vector<Output>& gradients, double max_norm,
                                        SourceLocation location) {
  const Place place("clip_by_global_norm", "", location);
  if (!(max_norm > 0.0)) place.fail(fmt::format("the norm must be positive; got {}", max_norm));
  if (gradients.empty()) return {};
  for (const Output& g : gradients) place.check_defined("a gradient", g);
  // Squares of float16 would overflow from 256 on.
  const bool any_float64 =
      std::any_of(gradients.begin(), gradients.end(), [](const Output& g) { return g.dtype() == DType::kFloat64; });
  const DType dtype = any_float64 ? DType::kFloat64 : DType::kFloat32;
  const auto as = [](const Output& x, DType wanted) { return x.dtype() == wanted ? x : cast(x, wanted); };
  std::vector<Output> half_squares;
  for (const Output& g : gradients) half_squares.push_back(l2_loss(as(g, dtype)));
  const Output norm = sqrt(2.0 * add_n(half_squares));
  const Output scale = max_norm / maximum(norm, max_norm);
  std::vector<Output> clipped;
  for (const Output& g : gradients) clipped.push_back(g * as(scale, g.dtype()));
  return clipped;
}

}  // namespace gradus::nn
