// Optimisers. Each is made by a function from its options; minimize(loss) adds the gradients, the update of every trainable
// variable (one op each) and of the step counter, and returns the operation that a training loop runs:
//
//   const Operation train = nn::momentum({.learning_rate = 0.05, .momentum = 0.9}).minimize(loss);
//
// A mistake is InvalidArgument with the optimiser, the option and its value, and the line of the call.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus::nn {

// A number, or a scalar node such as a schedule's. Throws InvalidArgument for a number that is negative or not finite, and for an
// Output that refers to nothing.
class LearningRate {
 public:
  // NOLINTNEXTLINE: implicit by design
  LearningRate(double value, SourceLocation location = SourceLocation::current());
  // NOLINTNEXTLINE: implicit by design
  LearningRate(const Output& schedule, SourceLocation location = SourceLocation::current());
  // The rate as a scalar of `dtype` in `graph`.
  Output as(Graph& graph, DType dtype) const;

 private:
  double value_ = 0.0;
  Output schedule_;
};

// First by value, then by norm; negative numbers are InvalidArgument.
struct GradientClipping {
  double by_value = 0.0;        // each element to [-by_value, by_value]; 0: off
  double by_global_norm = 0.0;  // all gradients scaled so that their joint 2-norm is at most this; 0: off
};

using GradientsAndVariables = std::vector<std::pair<Output, Output>>;  // (gradient, variable)

class Optimizer {
 public:
  // Adds the update of one variable, after making its slots; returns the update op.
  using Update = std::function<Output(const Output& variable, const Output& gradient, const Output& learning_rate)>;
  Optimizer(std::string name, LearningRate rate, GradientClipping clipping, Update update,
            SourceLocation location = SourceLocation::current());

  // Gradients of `loss` (a scalar) for `variables` (empty: the collection trainable_variables), clipped, and their updates
  // together with the collection `update_ops` (but for updates that need a placeholder which the loss does not: they belong to
  // another model) and global_step. Throws InvalidArgument when the loss is no scalar, there is no
  // variable, or the loss does not depend on one of them (it is named).
  Operation minimize(const Output& loss, const std::vector<Output>& variables = {},
                     SourceLocation location = SourceLocation::current()) const;
  // The two halves of minimize, for changing gradients in between.
  GradientsAndVariables compute_gradients(const Output& loss, const std::vector<Output>& variables = {},
                                          SourceLocation location = SourceLocation::current()) const;
  Operation apply_gradients(const GradientsAndVariables& gradients,
                            SourceLocation location = SourceLocation::current()) const;

 private:
  GradientsAndVariables compute(const Output& loss, const std::vector<Output>& variables, SourceLocation location) const;
  Operation apply(const GradientsAndVariables& gradients) const;
  std::string name_;
  LearningRate rate_;
  GradientClipping clipping_;
  Update update_;
};

struct SgdOptions {
  LearningRate learning_rate = 0.01;
  GradientClipping clipping = {};
};
Optimizer sgd(const SgdOptions& options = {}, SourceLocation location = SourceLocation::current());

// accum = momentum * accum + g; var -= rate * accum. With nesterov: var -= rate * (g + momentum * accum).
struct MomentumOptions {
  LearningRate learning_rate = 0.01;
  double momentum = 0.9;
  bool nesterov = false;
  GradientClipping clipping = {};
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
};
Optimizer adam(const AdamOptions& options = {}, SourceLocation location = SourceLocation::current());

struct AdamWOptions {
  LearningRate learning_rate = 0.001;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;  // decoupled from the gradient (Loshchilov and Hutter, ICLR 2019)
  GradientClipping clipping = {};
};
Optimizer adamw(const AdamWOptions& options = {}, SourceLocation location = SourceLocation::current());

// Scales `gradients` jointly so that sqrt(sum of squares) is at most `max_norm`. The norm is computed in float64 where one of
// them is, in float32 otherwise.
std::vector<Output> clip_by_global_norm(const std::vector<Output>& gradients, double max_norm,
                                        SourceLocation location = SourceLocation::current());

}  // namespace gradus::nn
