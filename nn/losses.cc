#include "gradus/nn/losses.h"

#include <fmt/format.h>

#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/softmax.h"

namespace gradus::nn {
namespace {

// What both cross-entropies need of their operands: one name, two Outputs of one graph, floating logits [N, classes].
void check_logits(const Place& place, const Output& labels, const Output& logits, double smoothing) {
  place.check_labels_and_logits(labels, logits);
  place.check_floating("logits", logits);
  if (logits.shape().rank() != 2)
    place.fail("logits must be [batch, classes]; got shape " + logits.shape().to_string());
  place.check_fraction("label_smoothing", smoothing);
}

// The mean over the batch of `cross_entropy` with the labels smoothed: -sum(((1 - s) * label + s / K) * log p) is
// (1 - s) * cross_entropy - s * mean(log p).
Output smoothed_mean(const Output& cross_entropy, const Output& logits, double s, SourceLocation location) {
  if (s == 0.0) return reduce_mean(cross_entropy, {}, false, {"mean", location});
  const Output uniform =
      -reduce_mean(log_softmax(logits, {"log_softmax", location}), {-1}, false, {"uniform", location});
  return reduce_mean((1.0 - s) * cross_entropy + s * uniform, {}, false, {"mean", location});
}

}  // namespace

Output mean_squared_error(const Output& targets, const Output& predictions, At at) {
  const Place place("mean_squared_error", at);
  place.check_pair("targets", targets, "predictions", predictions);
  if (!targets.shape().compatible_with(predictions.shape())) {
    place.fail(fmt::format("targets and predictions must have the same shape; got {} and {} (reshape() one of them)",
                           targets.shape().to_string(), predictions.shape().to_string()));
  }
  place.check_floating("predictions", predictions);
  if (targets.dtype() != predictions.dtype()) {
    place.fail(fmt::format("targets and predictions must have the same dtype; got {} and {} (cast() one of them)",
                           dtype_name(targets.dtype()), dtype_name(predictions.dtype())));
  }
  const NameScope scope(targets.graph(), at.name);
  return reduce_mean(squared_difference(predictions, targets, {"squared_difference", at.location}), {}, false,
                     {"mean", at.location});
}

Output softmax_loss(const Output& labels, const Output& logits, const SoftmaxLossOptions& options, At at) {
  const Place place("softmax_loss", at);
  check_logits(place, labels, logits, options.label_smoothing);
  if (labels.dtype() != logits.dtype() || !labels.shape().compatible_with(logits.shape())) {
    place.fail(
        fmt::format("labels must be distributions like the logits, {} {}; got {} {} (sparse_softmax_loss() takes "
                    "class numbers [batch])",
                    dtype_name(logits.dtype()), logits.shape().to_string(), dtype_name(labels.dtype()),
                    labels.shape().to_string()));
  }
  const NameScope scope(logits.graph(), at.name);
  return smoothed_mean(softmax_cross_entropy_with_logits(labels, logits, {"cross_entropy", at.location}), logits,
                       options.label_smoothing, at.location);
}

Output sparse_softmax_loss(const Output& labels, const Output& logits, const SoftmaxLossOptions& options, At at) {
  const Place place("sparse_softmax_loss", at);
  check_logits(place, labels, logits, options.label_smoothing);
  if (!is_index(labels.dtype()) || !labels.shape().compatible_with(Shape{logits.shape()[0]})) {
    place.fail(
        fmt::format("labels must be int32 or int64 class numbers {} for logits {}; got {} {} (softmax_loss() takes "
                    "distributions [batch, classes])",
                    Shape{logits.shape()[0]}.to_string(), logits.shape().to_string(), dtype_name(labels.dtype()),
                    labels.shape().to_string()));
  }
  const NameScope scope(logits.graph(), at.name);
  return smoothed_mean(sparse_softmax_cross_entropy_with_logits(labels, logits, {"cross_entropy", at.location}), logits,
                       options.label_smoothing, at.location);
}

Output with_regularization(const Output& loss, At at) {
  const Place place("with_regularization", at);
  place.check_defined("loss", loss);
  if (loss.shape().rank() != 0)
    place.fail("the loss must be a scalar (reduce_mean() it first); got shape " + loss.shape().to_string());
  std::vector<Output> terms = {loss};
  for (const Output& term : loss.graph().collection(kRegularizationLosses)) {
    if (term.dtype() != loss.dtype()) {
      place.fail(fmt::format("the loss is {}, the regularisation {} {} (cast() the loss)", dtype_name(loss.dtype()),
                             term.node().where(), dtype_name(term.dtype())));
    }
    terms.push_back(term);
  }
  return terms.size() == 1 ? loss : add_n(terms, at);
}

}  // namespace gradus::nn
