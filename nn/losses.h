// Losses: scalars, averaged over the batch. A mistake (a shape, a dtype, an Output that refers to nothing) is InvalidArgument with
// the loss, its name and the line of the call.
#pragma once

#include "gradus/graph/graph.h"

namespace gradus::nn {

// mean((prediction - target)^2) over all elements. Both have the same shape: broadcasting [N] against [N, 1] would average
// over all pairs.
Output mean_squared_error(const Output& targets, const Output& predictions, At at = "mean_squared_error");

struct SoftmaxLossOptions {
  // s of Szegedy et al., CVPR 2016, in [0, 1): the target becomes (1 - s) * label + s / classes.
  double label_smoothing = 0.0;
};
// Mean cross-entropy of softmax(logits [N, classes]) with integer labels [N].
Output sparse_softmax_loss(const Output& labels, const Output& logits, const SoftmaxLossOptions& options = {},
                           At at = "softmax_loss");
// The same with labels as distributions [N, classes].
Output softmax_loss(const Output& labels, const Output& logits, const SoftmaxLossOptions& options = {},
                    At at = "softmax_loss");

// loss plus everything in the collection `regularization_losses` (the layers' l2 options).
Output with_regularization(const Output& loss, At at = "total_loss");

}  // namespace gradus::nn
