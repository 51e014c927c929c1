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

void check_smoothing(double s, std::string_view name, SourceLocation location) {
  if (s >= 0.0 && s < 1.0) return;
  fail("softmax_loss", name, location, fmt::format("label_smoothing must be in [0, 1); got {}", s));
}

// The mean over the batch of `cross_entropy` with the labels smoothed: -sum(((1 - s) * label + s / K) * log p) is
// (1 - s) * cross_entropy - s * mean(log p).
Output smoothed_mean(const Output& cross_entropy, const Output& logits, double s, SourceLocation location) {
  if (s == 0.0) return reduce_mean(cross_entropy, {}, false, "mean", location);
  const Output uniform = -reduce_mean(log_softmax(logits, "log_softmax", location), {-1}, false, "uniform", location);
  return reduce_mean((1.0 - s) * cross_entropy + s * uniform, {}, false, "mean", location);
}

}  // namespace

Output mean_squared_error(const Output& targets, const Output& predictions, std::string_view name,
                          SourceLocation location) {
  if (!targets.shape().compatible_with(predictions.shape())) {
    fail("mean_squared_error", name, location,
         fmt::format("targets and predictions must have the same shape; got {} and {}", targets.shape().to_string(),
                     predictions.shape().to_string()));
  }
  const NameScope scope(targets.graph(), name);
  return reduce_mean(squared_difference(predictions, targets, "squared_difference", location), {}, false, "mean",
                     location);
}

Output softmax_loss(const Output& labels, const Output& logits, const SoftmaxLossOptions& options,
                    std::string_view name, SourceLocation location) {
  check_smoothing(options.label_smoothing, name, location);
  const NameScope scope(logits.graph(), name);
  return smoothed_mean(softmax_cross_entropy_with_logits(labels, logits, "cross_entropy", location), logits,
                       options.label_smoothing, location);
}

Output sparse_softmax_loss(const Output& labels, const Output& logits, const SoftmaxLossOptions& options,
                           std::string_view name, SourceLocation location) {
  check_smoothing(options.label_smoothing, name, location);
  const NameScope scope(logits.graph(), name);
  return smoothed_mean(sparse_softmax_cross_entropy_with_logits(labels, logits, "cross_entropy", location), logits,
                       options.label_smoothing, location);
}

Output with_regularization(const Output& loss, std::string_view name, SourceLocation location) {
  std::vector<Output> terms = {loss};
  for (const Output& term : loss.graph().collection(kRegularizationLosses)) terms.push_back(term);
  return terms.size() == 1 ? loss : add_n(terms, name, location);
}

}  // namespace gradus::nn
