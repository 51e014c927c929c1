// The cross entropy between labels and the sigmoid of logits, element by element: for labels that do not exclude each other
// (tf.nn.sigmoid_cross_entropy_with_logits). Page: docs/ops/sigmoid_cross_entropy.md.
#pragma once

#include "gradus/graph/forward.h"

namespace gradus {

// With logits x and labels z, both of one shape and floating dtype:
//
//   loss = -z * log(sigmoid(x)) - (1 - z) * log(1 - sigmoid(x))
//        = max(x, 0) - x * z + log(1 + exp(-|x|))
//
// which neither overflows nor cancels: max(x, 0) - x * z is computed as x * (1 - z) for x > 0 and -x * z otherwise, where a
// factor of 0 makes the product 0 even for an infinite x. Labels are usually probabilities, but any numbers will do.
// dx = g * (sigmoid(x) - z), precise in both tails, and dz = -g * x; derivatives of every order. The result has the operands'
// shape; its mean is the usual loss. Throws InvalidArgument for unlike shapes or dtypes, and for integers.
Output sigmoid_cross_entropy_with_logits(const Output& labels, const Output& logits, At at = {});

}  // namespace gradus
