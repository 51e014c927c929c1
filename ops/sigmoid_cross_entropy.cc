#include "gradus/ops/sigmoid_cross_entropy.h"

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void sigmoid_cross_entropy_shape(ShapeContext& c) {
  c.require_floating(1, "logits");
  c.require_same_dtype(0, 1);
  c.set_output(0, c.input_dtype(0), c.require_same_shape(0, "labels", 1, "logits"));
}

}  // namespace

Output sigmoid_cross_entropy_with_logits(const Output& labels, const Output& logits, At at) {
  return add_op("SigmoidCrossEntropyWithLogits", {labels, logits}, {}, at);
}

void register_sigmoid_cross_entropy_ops(OpRegistry& registry) {
  registry.add(def("SigmoidCrossEntropyWithLogits", {"labels", "logits"}, {"loss"}, sigmoid_cross_entropy_shape,
                   "loss = max(x, 0) - x * z + log(1 + e^-|x|) for logits x and labels z")
                   .inplace({0, 1}));
}

}  // namespace gradus
