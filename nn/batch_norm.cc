// The batch-norm layer: fused_batch_norm, its variables and the updates of the moving averages.
#include <fmt/format.h>

#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/variables.h"
#include "gradus/ops/accumulation.h"
#include "gradus/ops/batch_norm.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/source_ops.h"

namespace gradus::nn {

Output batch_norm(const Output& x, const BatchNormOptions& o, std::string_view name, SourceLocation location) {
  const Place place("batch_norm", name, location);
  place.check_name();
  place.check_defined("x", x);
  place.check_floating("x", x);
  place.check_not_negative("epsilon", o.epsilon);
  const int axis = o.data_format == DataFormat::kNHWC ? x.shape().rank() - 1 : 1;
  if (x.shape().rank() < 2 || x.shape()[axis] == kUnknownDim) {
    fail("batch_norm", name, location,
         "needs rank 2 or more and a known number of channels; got shape " + x.shape().to_string());
  }
  if (!(o.momentum >= 0.0 && o.momentum < 1.0)) {
    fail("batch_norm", name, location, fmt::format("momentum must be in [0, 1); got {}", o.momentum));
  }
  Graph& graph = x.graph();
  const NameScope scope(graph, name);
  const Shape channels{x.shape()[axis]};
  const DType dtype = accumulation_dtype(x.dtype());
  const Output gamma = get_variable(graph, "gamma", dtype, channels, ones(), {}, location);
  const Output beta = get_variable(graph, "beta", dtype, channels, zeros(), {}, location);
  const Output mean = get_variable(graph, "moving_mean", dtype, channels, zeros(), {.trainable = false}, location);
  const Output variance =
      get_variable(graph, "moving_variance", dtype, channels, ones(), {.trainable = false}, location);
  const BatchNormAttrs attrs{.epsilon = o.epsilon, .is_training = o.training, .data_format = o.data_format};
  if (!o.training) return fused_batch_norm(x, gamma, beta, mean, variance, attrs, "batch_norm", location).y;

  const BatchNormOutputs result = fused_batch_norm(x, gamma, beta, attrs, "batch_norm", location);
  const double rate = 1.0 - o.momentum;
  graph.add_to_collection(kUpdateOps, assign_sub(mean, rate * (mean - result.batch_mean), "update_mean", location));
  graph.add_to_collection(kUpdateOps,
                          assign_sub(variance, rate * (variance - result.batch_variance), "update_variance", location));
  return result.y;
}

}  // namespace gradus::nn
