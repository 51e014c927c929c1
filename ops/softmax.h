// Softmax, its logarithm, and the cross entropies that start from logits. All work along the last dimension, the classes;
// everything before it counts as rows. dtypes: float16 and bfloat16 (computed in float32), float32, float64. Definitions as TensorFlow's
// tf.nn; page: docs/ops/softmax.md.
#pragma once

#include "gradus/graph/forward.h"

namespace gradus {

// y[r, k] = exp(x[r, k]) / sum over j of exp(x[r, j]), computed with the row's maximum subtracted, so that nothing overflows.
// x of rank 1 or more; the result has its shape.
Output softmax(const Output& logits, At at = {});

// log(softmax(x)), without the loss of accuracy of taking the logarithm afterwards.
Output log_softmax(const Output& logits, At at = {});

// loss[r] = - sum over k of labels[r, k] * log_softmax(logits)[r, k], where a label of 0 costs 0 even at a logit of -infinity. labels
// are usually a distribution per row but may be any numbers; they have the shape and dtype of logits (InvalidArgument otherwise).
// The result has one dimension less.
Output softmax_cross_entropy_with_logits(const Output& labels, const Output& logits, At at = {});

// loss[r] = - log_softmax(logits)[r, labels[r]]. labels are int32 or int64 class numbers with the shape of logits without its
// last dimension (InvalidArgument otherwise). A label outside [0, classes) is OutOfRange when the graph runs; the text names
// the row, the label and the number of classes.
Output sparse_softmax_cross_entropy_with_logits(const Output& labels, const Output& logits, At at = {});

}  // namespace gradus
