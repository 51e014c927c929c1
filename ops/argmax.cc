#include "gradus/ops/argmax.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void argmax_shape(ShapeContext& c) {
  const auto& attrs = c.attrs<ArgMaxAttrs>();
  const Shape& x = c.input_shape(0);
  if (c.input_dtype(0) == DType::kBool) c.fail("x must be numeric; got bool");
  if (!is_index(attrs.output_type)) {
    c.fail(fmt::format("output_type must be int32 or int64; got {}", dtype_name(attrs.output_type)));
  }
  const int axis = normalize_axis(attrs.axis, x.rank());
  if (attrs.output_type == DType::kInt32 && x[axis] > INT32_MAX) {
    c.fail(fmt::format("the positions along axis {} of {} do not fit int32; take output_type int64", attrs.axis,
                       x.to_string()));
  }
  if (x[axis] == 0) c.fail(fmt::format("axis {} of {} has no elements", attrs.axis, x.to_string()));
  Shape y;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != axis) y.push_back(x[i]);
  }
  c.set_output(0, attrs.output_type, y);
}

void in_top_k_shape(ShapeContext& c) {
  c.require_floating(0, "predictions");
  c.require_rank(0, 2, "predictions");
  c.require_rank(1, 1, "targets");
  if (!is_index(c.input_dtype(1)))
    c.fail(fmt::format("targets must be int32 or int64; got {}", dtype_name(c.input_dtype(1))));
  if (c.attrs<InTopKAttrs>().k < 0) c.fail(fmt::format("k must be at least 0; got {}", c.attrs<InTopKAttrs>().k));
  const Shape predictions_rows{c.input_shape(0)[0]};
  if (!predictions_rows.compatible_with(c.input_shape(1))) {
    c.fail(fmt::format("predictions {} and targets {} must have as many rows", c.input_shape(0).to_string(),
                       c.input_shape(1).to_string()));
  }
  c.set_output(0, DType::kBool, predictions_rows.merged_with(c.input_shape(1)));
}

}  // namespace

Output argmax(const Output& x, std::int64_t axis, DType output_type, At at) {
  return add_op("ArgMax", {x}, ArgMaxAttrs{axis, output_type}, at);
}

Output argmin(const Output& x, std::int64_t axis, DType output_type, At at) {
  return add_op("ArgMin", {x}, ArgMaxAttrs{axis, output_type}, at);
}

Output in_top_k(const Output& predictions, const Output& targets, std::int64_t k, At at) {
  return add_op("InTopK", {predictions, targets}, InTopKAttrs{k}, at);
}

void register_argmax_ops(OpRegistry& registry) {
  registry.add(
      def("ArgMax", {"x"}, {"index"}, argmax_shape, "index of the largest element along axis").attrs(ArgMaxAttrs{}));
  registry.add(
      def("ArgMin", {"x"}, {"index"}, argmax_shape, "index of the smallest element along axis").attrs(ArgMaxAttrs{}));
  registry.add(def("InTopK", {"predictions", "targets"}, {"precision"}, in_top_k_shape,
                   "whether targets[i] is among the k largest of predictions[i,:]")
                   .attrs(InTopKAttrs{}));
}

}  // namespace gradus
