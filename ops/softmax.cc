#include "gradus/ops/softmax.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void check_logits(ShapeContext& c, int i) {
  c.require_floating(i, "logits");
  if (c.input_shape(i).rank() < 1) c.fail("logits must have rank 1 or more; got a scalar");
}

void softmax_shape(ShapeContext& c) {
  check_logits(c, 0);
  c.set_output(0, c.input_dtype(0), c.input_shape(0));
}

Shape without_last(const Shape& shape) {
  Shape rows;
  for (int i = 0; i + 1 < shape.rank(); ++i) rows.push_back(shape[i]);
  return rows;
}

// loss: one per row; backprop: the gradient of the loss with respect to logits, at no extra cost.
void set_losses(ShapeContext& c, const Shape& logits, const Shape& rows) {
  if (logits[logits.rank() - 1] == 0)
    c.fail(fmt::format("there must be at least one class; got logits {}", logits.to_string()));
  c.set_output(0, c.input_dtype(1), rows);
  c.set_output(1, c.input_dtype(1), logits);
}

void cross_entropy_shape(ShapeContext& c) {
  check_logits(c, 1);
  c.require_same_dtype(0, 1);
  const Shape both = c.require_same_shape(0, "labels", 1, "logits");
  set_losses(c, both, without_last(both));
}

void sparse_cross_entropy_shape(ShapeContext& c) {
  check_logits(c, 1);
  const DType dtype = c.input_dtype(0);
  const Shape &labels = c.input_shape(0), &logits = c.input_shape(1);
  if (!is_index(dtype)) {
    c.fail(fmt::format("labels must be int32 or int64 class numbers; got {}", dtype_name(dtype)));
  }
  Shape rows = without_last(logits);
  if (!labels.compatible_with(rows)) {
    c.fail(
        fmt::format("labels must have the shape of logits without its last dimension, {}; got labels {} and logits {}",
                    rows.to_string(), labels.to_string(), logits.to_string()));
  }
  rows = rows.merged_with(labels);
  Shape both = rows;
  both.push_back(logits[logits.rank() - 1]);
  set_losses(c, both, rows);
}

}  // namespace

Output softmax(const Output& logits, At at) { return add_op("Softmax", {logits}, {}, at); }
Output log_softmax(const Output& logits, At at) { return add_op("LogSoftmax", {logits}, {}, at); }
Output softmax_cross_entropy_with_logits(const Output& labels, const Output& logits, At at) {
  return add_op("SoftmaxCrossEntropyWithLogits", {labels, logits}, {}, at);
}
Output sparse_softmax_cross_entropy_with_logits(const Output& labels, const Output& logits, At at) {
  return add_op("SparseSoftmaxCrossEntropyWithLogits", {labels, logits}, {}, at);
}

void register_softmax_ops(OpRegistry& registry) {
  registry.add(def("Softmax", {"logits"}, {"softmax"}, softmax_shape, "exp(x) / sum(exp(x)) along the last dimension")
                   .inplace({0}));
  registry.add(
      def("LogSoftmax", {"logits"}, {"log_softmax"}, softmax_shape, "x - log(sum(exp(x))) along the last dimension"));
  registry.add(def("SoftmaxCrossEntropyWithLogits", {"labels", "logits"}, {"loss", "backprop"}, cross_entropy_shape,
                   "-sum(labels * log_softmax(logits)) per row, and its gradient with respect to logits")
                   .kernel_dtype(1));
  registry.add(def("SparseSoftmaxCrossEntropyWithLogits", {"labels", "logits"}, {"loss", "backprop"},
                   sparse_cross_entropy_shape,
                   "-log_softmax(logits)[label] per row, and its gradient with respect to logits")
                   .kernel_dtype(1));
}

}  // namespace gradus
