#include "gradus/nn/optimizers.h"

#include <fmt/format.h>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/scopes.h"
#include "gradus/nn/variables.h"
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
  const Output zero = fill(variable.shape().dims(), scalar(graph, 0.0, variable.dtype()));
  return gradus::variable(zero, name, /*trainable=*/false);
}

// 1 for the first update, 2 for the second, ...: what Adam's bias correction counts.
Output update_number(Graph& graph) { return global_step(graph) + 1.0; }

void check_rate(const char* what, double value) {
  if (!(value >= 0.0 && value < 1.0)) throw invalid_argument(fmt::format("{} must be in [0, 1); got {}", what, value));
}

Optimizer adam_like(const char* name, const AdamWOptions& o) {
  check_rate("beta1", o.beta1);
  check_rate("beta2", o.beta2);
  return {name, o.learning_rate, o.clipping, [o](const Output& v, const Output& g, const Output& rate) {
            return apply_adam(
                v, slot(v, "adam_m"), slot(v, "adam_v"), rate, g, update_number(v.graph()),
                {.beta1 = o.beta1, .beta2 = o.beta2, .epsilon = o.epsilon, .weight_decay = o.weight_decay});
          }};
}

}  // namespace

Output LearningRate::as(Graph& graph, DType dtype) const {
  if (!schedule_.valid()) return scalar(graph, value_, dtype, "learning_rate");
  if (schedule_.shape().rank() != 0)
    throw invalid_argument("a learning rate is a scalar; got shape " + schedule_.shape().to_string());
  return schedule_.dtype() == dtype ? schedule_ : cast(schedule_, dtype);
}

Optimizer::Optimizer(std::string name, LearningRate rate, GradientClipping clipping, Update update)
    : name_(std::move(name)), rate_(rate), clipping_(clipping), update_(std::move(update)) {}

Operation Optimizer::minimize(const Output& loss, const std::vector<Output>& variables, SourceLocation location) const {
  try {
    return apply_gradients(compute_gradients(loss, variables));
  } catch (const Error& error) {
    const std::string text = error.what();
    if (text.starts_with("[")) throw;
    const std::string_view file = location.file;
    throw Error(error.code(), fmt::format("[minimize '{}' at {}:{}] {}", loss.name(),
                                          file.substr(file.find_last_of('/') + 1), location.line, text));
  }
}

GradientsAndVariables Optimizer::compute_gradients(const Output& loss, const std::vector<Output>& variables) const {
  if (loss.shape().rank() != 0)
    throw invalid_argument("the loss must be a scalar (reduce_mean it?); got shape " + loss.shape().to_string());
  const std::vector<Output> xs = variables.empty() ? loss.graph().collection(kTrainableVariables) : variables;
  if (xs.empty()) throw invalid_argument("the graph has no trainable variables");
  std::vector<Output> gradients = gradus::gradients(loss, xs);
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

Operation Optimizer::apply_gradients(const GradientsAndVariables& gradients) const {
  if (gradients.empty()) throw invalid_argument("apply_gradients: no gradients");
  Graph& graph = gradients[0].second.graph();
  const Output step = global_step(graph);
  const NameScope scope(graph, name_);
  std::vector<Operation> updates;
  std::vector<std::pair<DType, Output>> rates;  // one node per dtype
  for (const auto& [gradient, variable] : gradients) {
    Output rate;
    for (const auto& [dtype, made] : rates) {
      if (dtype == variable.dtype()) rate = made;
    }
    if (!rate.valid()) {
      rate = rate_.as(graph, variable.dtype());
      rates.emplace_back(variable.dtype(), rate);
    }
    updates.emplace_back(update_(variable, gradient, rate));
  }
  for (const Output& update : graph.collection(kUpdateOps)) updates.emplace_back(update);
  updates.emplace_back(assign_add(step, constant(graph, Tensor::scalar<std::int64_t>(1)), "count_step"));
  return group(updates, "train");
}

Optimizer sgd(const SgdOptions& o) {
  return {"sgd", o.learning_rate, o.clipping,
          [](const Output& v, const Output& g, const Output& rate) { return apply_gradient_descent(v, rate, g); }};
}

Optimizer momentum(const MomentumOptions& o) {
  check_rate("momentum", o.momentum);
  return {"momentum", o.learning_rate, o.clipping, [o](const Output& v, const Output& g, const Output& rate) {
            return apply_momentum(v, slot(v, "momentum"), rate, g, scalar(v.graph(), o.momentum, v.dtype()),
                                  {.use_nesterov = o.nesterov});
          }};
}

Optimizer rms_prop(const RmsPropOptions& o) {
  check_rate("rho", o.rho);
  check_rate("momentum", o.momentum);
  return {"rms_prop", o.learning_rate, o.clipping, [o](const Output& v, const Output& g, const Output& rate) {
            return apply_rms_prop(v, slot(v, "mean_square"), slot(v, "momentum"), rate, g,
                                  scalar(v.graph(), o.momentum, v.dtype()), {.rho = o.rho, .epsilon = o.epsilon});
          }};
}

Optimizer adam(const AdamOptions& o) {
  return adam_like("adam", {.learning_rate = o.learning_rate,
                            .beta1 = o.beta1,
                            .beta2 = o.beta2,
                            .epsilon = o.epsilon,
                            .weight_decay = 0.0,
                            .clipping = o.clipping});
}
Optimizer adamw(const AdamWOptions& o) { return adam_like("adamw", o); }

std::vector<Output> clip_by_global_norm(const std::vector<Output>& gradients, double max_norm) {
  if (!(max_norm > 0.0))
    throw invalid_argument(fmt::format("clip_by_global_norm: the norm must be positive; got {}", max_norm));
  if (gradients.empty()) return {};
  std::vector<Output> half_squares;
  for (const Output& g : gradients) half_squares.push_back(l2_loss(g));
  const Output norm = sqrt(2.0 * add_n(half_squares));
  const Output scale = max_norm / maximum(norm, max_norm);
  std::vector<Output> clipped;
  for (const Output& g : gradients) clipped.push_back(g * scale);
  return clipped;
}

}  // namespace gradus::nn
