#include "gradus/autodiff/register_all.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/sigmoid_cross_entropy.h"
#include "gradus/ops/unary.h"

namespace gradus {
namespace {

// sigmoid(x) - z. The sigmoid is only ever taken of -|x|, where it keeps all digits: for x > 0 it is 1 - sigmoid(-x), and 1 - z
// comes before the small number is taken away. All higher derivatives are those of sigmoid(-|x|), which keep theirs too.
Output difference(const Output& labels, const Output& logits) {
  const Output positive = greater(logits, zeros_like(logits));
  const Output small = sigmoid(where(positive, -logits, logits));
  return where(positive, (1.0 - labels) - small, small - labels);
}

void sigmoid_cross_entropy_gradient(GradientContext& c) {
  const Output labels = c.input(0), logits = c.input(1), g = c.grad();
  if (c.needs(0)) c.set(0, g * -logits);
  if (c.needs(1)) c.set(1, g * difference(labels, logits));
}

}  // namespace

void register_sigmoid_cross_entropy_gradients(GradientRegistry& registry) {
  registry.add("SigmoidCrossEntropyWithLogits", sigmoid_cross_entropy_gradient);
}

}  // namespace gradus
