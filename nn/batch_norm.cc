// The batch-norm layer: fused_batch_norm, its variables and the updates of the moving averages.
#include "gradus/ops/batch_norm.h"
#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/update_ops.h"
#include "gradus/nn/variables.h"
#include "gradus/ops/accumulation.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/source_ops.h"

namespace gradus::nn {
namespace {

// moving += rate * (batch - moving); nothing for a batch without elements, which has no statistics. `filled` says whether this
// one has some; it refers to nothing where that is known.
Output moved(const Output& moving, const Output& batch, double rate, const Output& filled, At at) {
  const Output distance = moving - batch;
  return assign_sub(moving, rate * (filled.valid() ? where(filled, distance, 0.0) : distance), at);
}

}  // namespace

Output batch_norm(const Output& x, const BatchNormOptions& o, At at) {
  const Place place("batch_norm", at);
  place.check_name();
  place.check_defined("x", x);
  place.check_floating("x", x);
  place.check_not_negative("epsilon", o.epsilon);
  const int axis = o.data_format == DataFormat::kNHWC ? x.shape().rank() - 1 : 1;
  if (x.shape().rank() < 2 || x.shape()[axis] == kUnknownDim) {
    place.fail("needs rank 2 or more and a known number of channels; got shape " + x.shape().to_string());
  }
  place.check_fraction("momentum", o.momentum);
  Graph& graph = x.graph();
  const NameScope scope(graph, at.name);
  const Shape channels{x.shape()[axis]};
  const DType dtype = accumulation_dtype(x.dtype());
  const Output gamma = get_variable(graph, "gamma", dtype, channels, ones(), {}, at.location);
  const Output beta = get_variable(graph, "beta", dtype, channels, zeros(), {}, at.location);
  const Output mean = get_variable(graph, "moving_mean", dtype, channels, zeros(), {.trainable = false}, at.location);
  const Output variance =
      get_variable(graph, "moving_variance", dtype, channels, ones(), {.trainable = false}, at.location);
  const BatchNormAttrs attrs{.epsilon = o.epsilon, .is_training = o.training, .data_format = o.data_format};
  if (!o.training) return fused_batch_norm(x, gamma, beta, mean, variance, attrs, {"batch_norm", at.location}).y;

  const BatchNormOutputs result = fused_batch_norm(x, gamma, beta, attrs, {"batch_norm", at.location});
  const double rate = 1.0 - o.momentum;
  const Shape& shape = x.shape();
  const bool known = shape.fully_known() && shape.num_elements() > 0;
  const Output filled = known ? Output() : greater(size(x, {"elements", at.location}), 0.0, {"filled", at.location});
  for (const Output& update :
       {moved(mean, result.batch_mean, rate, filled, {"update_mean", at.location}),
        moved(variance, result.batch_variance, rate, filled, {"update_variance", at.location})}) {
    add_layer_update(update, result.y, {gamma, beta});
  }
  return result.y;
}

}  // namespace gradus::nn
