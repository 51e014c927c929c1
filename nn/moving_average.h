// Exponential moving averages of weights (Polyak averaging), often better for evaluation than the last weights.
#pragma once

#include <vector>

#include "gradus/graph/run/session.h"

namespace gradus::nn {

// average = decay * average + (1 - decay) * variable, starting at the variable's initial value. Averages of float16 and
// bfloat16 variables are float32: (1 - decay) of a difference is soon too small a step for 16 bits.
class ExponentialMovingAverage {
 public:
  // Makes an average for each variable (empty: the graph's trainable variables). Throws InvalidArgument for a decay outside
  // [0, 1), and for what is no floating variable.
  ExponentialMovingAverage(Graph& graph, double decay, const std::vector<Output>& variables = {},
                           SourceLocation location = SourceLocation::current());

  // Runs `after` (the training operation) and then updates every average.
  Operation update(const Operation& after, SourceLocation location = SourceLocation::current()) const;
  // The average of a variable; throws NotFound for one without.
  Output average(const Output& variable, SourceLocation location = SourceLocation::current()) const;
  // Exchanges the values of variables and averages: once before an evaluation, once after it, when both have their bits again. (What
  // the rounding of an average to 16 bits cuts off is kept meanwhile, in a variable of its own.)
  void swap(Session& session) const;

 private:
  Graph& graph_;
  double decay_;
  std::vector<Output> variables_, averages_, rests_;
};

}  // namespace gradus::nn
