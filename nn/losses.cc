#include "gradus/nn/losses.h"

#include <fmt/format.h>

#include "gradus/graph/scopes.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/softmax.h"

namespace gradus::nn {

Output mean_squared_error(const Output& targets, const Output& predictions, std::string_view name,
                          SourceLocation location) {
  const NameScope scope(targets.graph(), name);
  return reduce_mean(squared_difference(predictions, targets, "squared_difference", location), {}, false, "mean",
                     location);
}

Output softmax_loss(const Output& labels, const Output& logits, const SoftmaxLossOptions& options,
                    std::string_view name, SourceLocation location) {
  const double s = options.label_smoothing;
  if (s < 0.0 || s >= 1.0) throw invalid_argument(fmt::format("label_smoothing must be in [0, 1); got {}", s));
  const NameScope scope(logits.graph(), name);
  Output targets = labels;
  if (s > 0.0) targets = (1.0 - s) * labels + s / static_cast<double>(logits.shape()[logits.shape().rank() - 1]);
  return reduce_mean(softmax_cross_entropy_with_logits(targets, logits, "cross_entropy", location), {}, false, "mean",
                     location);
}

Output sparse_softmax_loss(const Output& labels, const Output& logits, const SoftmaxLossOptions& options,
                           std::string_view name, SourceLocation location) {
  if (options.label_smoothing != 0.0) {
    const std::int64_t classes = logits.shape()[logits.shape().rank() - 1];
    return softmax_loss(one_hot(labels, classes, logits.dtype()), logits, options, name, location);
  }
  const NameScope scope(logits.graph(), name);
  return reduce_mean(sparse_softmax_cross_entropy_with_logits(labels, logits, "cross_entropy", location), {}, false,
                     "mean", location);
}

Output with_regularization(const Output& loss, std::string_view name, SourceLocation location) {
  std::vector<Output> terms = {loss};
  for (const Output& term : loss.graph().collection(kRegularizationLosses)) terms.push_back(term);
  return terms.size() == 1 ? loss : add_n(terms, name, location);
}

}  // namespace gradus::nn
