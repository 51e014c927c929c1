#include "gradus/ops/sigmoid_cross_entropy.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void sigmoid_cross_entropy_shape(ShapeContext& c) {
  c.require_floating(1, "logits");
  c.require_same_dtype(0, 1);
  if (!c.input_shape(0).compatible_with(c.input_shape(1))) {
    c.fail(fmt::format("labels and logits must have the same shape; got labels {} and logits {}",
                       c.input_shape(0).to_string(), c.input_shape(1).to_string()));
  }
  c.set_output(0, c.input_dtype(0), c.input_shape(0).merged_with(c.input_shape(1)));
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
