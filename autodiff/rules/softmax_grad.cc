// With p = softmax(x): dp[j]/dx[k] = p[j] * ([j = k] - p[k]). The cross entropies also return their gradient with respect to
// the logits ("backprop"); the rules below cover a gradient that arrives for that output, so that any order works.
#include "gradus/ops/softmax.h"

#include "gradus/autodiff/register_all.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reshape.h"
#include "gradus/ops/unary.h"

namespace gradus {
namespace {

Output row_sum(const Output& x) { return reduce_sum(x, {-1}, true); }

// g - sum(g * p) along the row. As sum(p) = 1, any number may first be taken from the whole row of g: taking g at a class that has
// more than half keeps what is left there from being the difference of two nearly equal numbers.
Output centered(const Output& g, const Output& p) {
  const Output from_largest = g - row_sum(where(greater(p, 0.5), g, 0.0));
  return from_largest - row_sum(from_largest * p);
}

// sum(labels) * softmax(x) - labels, by the cross entropy, in one pass and without cancellation. It takes no rows without classes,
// of which there may be some where the number of classes is not known yet; `otherwise` is for those.
template <class F>
Output backprop(const Output& labels, const Output& x, F otherwise) {
  if (x.shape()[x.shape().rank() - 1] <= 0) return otherwise();
  return softmax_cross_entropy_with_logits(labels, x).node().output(1);
}

// dx = (dy - sum(dy * y)) * y, which is minus that for the labels dy * y.
void softmax_gradient(GradientContext& c) {
  const Output labels = c.grad() * c.output();
  c.set(0, -backprop(labels, c.input(0), [&] { return row_sum(labels) * c.output() - labels; }));
}

// dx = dy - sum(dy) * y, which is that for the labels -dy.
void log_softmax_gradient(GradientContext& c) {
  const Output labels = -c.grad();
  c.set(0, backprop(labels, c.input(0), [&] { return row_sum(labels) * exp(c.output()) - labels; }));
}

// The sum of those terms that exist.
void accumulate(Output& sum, const Output& term) { sum = sum.valid() ? sum + term : term; }

// loss = -sum(labels * log p); backprop = sum(labels) * p - labels.
void cross_entropy_gradient(GradientContext& c) {
  const Output labels = c.input(0), logits = c.input(1), backprop = c.output(1);
  Output d_labels, d_logits;
  if (c.grad(0).valid()) {
    const Output g = expand_dims(c.grad(0), -1);
    if (c.needs(0)) accumulate(d_labels, -(g * log_softmax(logits)));
    if (c.needs(1)) accumulate(d_logits, g * backprop);
  }
  if (c.grad(1).valid()) {
    const Output p = softmax(logits), g = centered(c.grad(1), p);
    if (c.needs(0)) accumulate(d_labels, -g);
    if (c.needs(1)) accumulate(d_logits, row_sum(labels) * p * g);
  }
  if (c.needs(0)) c.set(0, d_labels);
  if (c.needs(1)) c.set(1, d_logits);
}

// loss = -log p[label]; backprop = p - one_hot(label).
void sparse_cross_entropy_gradient(GradientContext& c) {
  Output d_logits;
  if (c.grad(0).valid()) accumulate(d_logits, expand_dims(c.grad(0), -1) * c.output(1));
  if (c.grad(1).valid()) {
    const Output p = softmax(c.input(1));
    accumulate(d_logits, p * centered(c.grad(1), p));
  }
  c.set(1, d_logits);
}

}  // namespace

void register_softmax_gradients(GradientRegistry& registry) {
  registry.add("Softmax", softmax_gradient);
  registry.add("LogSoftmax", log_softmax_gradient);
  registry.add("SoftmaxCrossEntropyWithLogits", cross_entropy_gradient);
  registry.add("SparseSoftmaxCrossEntropyWithLogits", sparse_cross_entropy_gradient);
}

}  // namespace gradus
