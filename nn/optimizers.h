// Optimisers. Each is made by a function from its options; minimize(loss) adds the gradients, the update of every trainable
// variable (one op each) and of the step counter, and returns the operation that a training loop runs:
//
//   const Operation train = nn::momentum({.learning_rate = 0.05, .momentum = 0.9}).minimize(loss);
//
// Slots (the momentum, Adam's means) have the variable's shape and dtype, but float32 beside a variable of 16 bits. Page:
// docs/training.md. A mistake is InvalidArgument with the optimiser, the option and its value, and the line of the call.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gradus/graph/graph.h"
#include "gradus/nn/clipping.h"
#include "gradus/nn/update_ops.h"

namespace gradus::nn {

// A number; a scalar node such as a schedule's; or a function from the optimiser's own step counter to such a node:
//
//   .learning_rate = [](const Output& step) { return nn::cosine_decay(step, 0.1, 10000); }
//
// Throws InvalidArgument for a number that is negative or not finite, and for an Output that refers to nothing or is no floating
// one.
class LearningRate {
 public:
  using Schedule = std::function<Output(const Output& step)>;
  LearningRate(double value, SourceLocation location = SourceLocation::current());  // NOLINT: implicit by design
  LearningRate(const Output& schedule, SourceLocation location = SourceLocation::current());  // NOLINT
  template <std::invocable<const Output&> F>
  LearningRate(F schedule) : schedule_of_(std::move(schedule)) {}  // NOLINT: implicit by design

  // The node it was made from; refers to nothing for a number or a function.
  const Output& node() const { return schedule_; }
  // The rate as a scalar of `dtype` in `graph`, for an optimiser that counts `step`.
  Output as(Graph& graph, DType dtype, const Output& step = {}) const;

 private:
  double value_ = 0.0;
  Output schedule_;
  Schedule schedule_of_;
};

// First by value, then by norm. 0 and infinity clip nothing; negative numbers and NaN are InvalidArgument.
struct GradientClipping {
  double by_value = 0.0;        // each element to [-by_value, by_value]
  double by_global_norm = 0.0;  // clip_by_global_norm: all gradients scaled so that their joint 2-norm is at most this
};

// What one training step does beside updating its variables.
struct StepOptions {
  // The counter that it increases by one, a variable. None: the step_counter() that its learning rate reads; else global_step(graph)
  // for the graph's first training operation, and a new counter of its own for each further one, so that global_step counts one
  // optimiser's steps.
  Output counter = {};
  // The updates of moving averages that it runs. None: those of the layers that it trains (update_ops_of), so that each of two
  // networks of a graph moves its own. An empty list runs no updates, graph.collection(kUpdateOps) all.
  std::optional<std::vector<Output>> updates = {};
};

// An int64 scalar variable that starts at 0: what a schedule reads, an optimiser increases and a program prints.
Output step_counter(Graph& graph, At at = "step");

class Optimizer {
 public:
  // Adds the update of one variable, after making its slots; returns the update op. `learning_rate` is float32 for a
  // variable of 16 bits, else of the variable's dtype.
  using Update = std::function<Output(const Output& variable, const Output& gradient, const Output& learning_rate)>;
  Optimizer(std::string name, LearningRate rate, GradientClipping clipping, Update update, StepOptions step = {},
            SourceLocation location = SourceLocation::current());

  // Gradients of `loss` (a scalar) for `variables` (empty: the collection trainable_variables), clipped, and their updates
  // together with the moving averages and the counter of StepOptions. Throws InvalidArgument when the loss is no scalar, there is
  // no variable, the loss does not depend on one of them (it is named), or the learning rate reads a counter that another training
  // operation increases and this one does not.
  Operation minimize(const Output& loss, const std::vector<Output>& variables = {},
                     SourceLocation location = SourceLocation::current()) const;
  // The two halves of minimize, for changing gradients in between.
  GradientsAndVariables compute_gradients(const Output& loss, const std::vector<Output>& variables = {},
                                          SourceLocation location = SourceLocation::current()) const;
  Operation apply_gradients(const GradientsAndVariables& gradients,
                            SourceLocation location = SourceLocation::current()) const;

 private:
  GradientsAndVariables clipped_gradients(const Output& loss, const std::vector<Output>& variables,
                                          SourceLocation location) const;
  Operation apply(const GradientsAndVariables& gradients) const;
  Output counter_in(Graph& graph) const;
  std::vector<Operation> updates_with(Graph& graph, const GradientsAndVariables& gradients) const;
  std::string name_;
  LearningRate rate_;
  GradientClipping clipping_;
  Update update_;
  StepOptions step_;
};

struct SgdOptions {
  LearningRate learning_rate = 0.01;
  GradientClipping clipping = {};
  StepOptions step = {};
};
Optimizer sgd(const SgdOptions& options = {}, SourceLocation location = SourceLocation::current());

// accum = momentum * accum + g; var -= rate * accum. With nesterov: var -= rate * (g + momentum * accum).
struct MomentumOptions {
  LearningRate learning_rate = 0.01;
  double momentum = 0.9;
  bool nesterov = false;
  GradientClipping clipping = {};
  StepOptions step = {};
};
Optimizer momentum(const MomentumOptions& options = {}, SourceLocation location = SourceLocation::current());

// Tieleman and Hinton, lecture 6.5 (2012), as TensorFlow: mean_square = rho * mean_square + (1 - rho) * g^2;
// mom = momentum * mom + rate * g / sqrt(mean_square + epsilon); var -= mom. (PyTorch adds epsilon to the root.)
struct RmsPropOptions {
  LearningRate learning_rate = 0.001;
  double rho = 0.9;
  double momentum = 0.0;
  double epsilon = 1e-10;
  GradientClipping clipping = {};
  StepOptions step = {};
};
Optimizer rms_prop(const RmsPropOptions& options = {}, SourceLocation location = SourceLocation::current());

// Kingma and Ba, ICLR 2015, algorithm 1: epsilon is added to the root of the corrected mean square, as in PyTorch.
// (TensorFlow's epsilon is the paper's "epsilon hat", added before the correction.) Each variable counts its own updates for
// the correction of the bias, so that optimisers may take turns on a graph.
struct AdamOptions {
  LearningRate learning_rate = 0.001;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  GradientClipping clipping = {};
  StepOptions step = {};
};
Optimizer adam(const AdamOptions& options = {}, SourceLocation location = SourceLocation::current());

struct AdamWOptions {
  LearningRate learning_rate = 0.001;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;  // decoupled from the gradient (Loshchilov and Hutter, ICLR 2019)
  GradientClipping clipping = {};
  StepOptions step = {};
};
Optimizer adamw(const AdamWOptions& options = {}, SourceLocation location = SourceLocation::current());

}  // namespace gradus::nn
