#include "gradus/ops/batch_norm.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/accumulation.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

// Operands first .. last have one dtype: x's, or float32 beside dtypes of 16 bits.
void require_channel_dtype(ShapeContext& c, int x, int first, int last) {
  c.require_same_dtype(first, last);
  const DType of_x = c.input_dtype(x), of_channels = c.input_dtype(first);
  if (of_channels == of_x || of_channels == accumulation_dtype(of_x)) return;
  c.fail(fmt::format("what has one number per channel must have x's dtype{}; got x {} and {}",
                     is_half(of_x) ? " or float32" : "", dtype_name(of_x), dtype_name(of_channels)));
}

// Checks operands that belong to channels of `image` and returns the number of channels as far as it is known.
struct Channels {
  ShapeContext& c;
  Shape image;
  int axis;
  std::int64_t count;

  Channels(ShapeContext& context, int i, const char* name) : c(context), image(context.input_shape(i)) {
    const auto& attrs = c.attrs<BatchNormAttrs>();
    c.require_floating(i, name);
    if (image.rank() < 2) c.fail(fmt::format("{} must have rank 2 or more; got {}", name, image.to_string()));
    if (!(attrs.epsilon >= 0)) c.fail(fmt::format("epsilon must not be negative; got {}", attrs.epsilon));
    axis = attrs.data_format == DataFormat::kNHWC ? image.rank() - 1 : 1;
    count = image[axis];
  }
  void check(int i, const char* name) {
    c.require_rank(i, 1, name);
    const std::int64_t length = c.input_shape(i)[0];
    if (count == kUnknownDim) count = length;
    if (length != kUnknownDim && length != count) {
      c.fail(fmt::format("{} has {} elements but there are {} channels: x {} {}", name, length, count,
                         image.to_string(), data_format_name(c.attrs<BatchNormAttrs>().data_format)));
    }
  }
  Shape full() const {
    Shape shape = image;
    shape.set_dim(axis, count);
    return shape;
  }
};

void batch_norm_shape(ShapeContext& c) {
  Channels channels(c, 0, "x");
  require_channel_dtype(c, 0, 1, 4);
  int i = 1;
  for (const char* name : {"scale", "offset", "mean", "variance"}) channels.check(i++, name);
  c.set_output(0, c.input_dtype(0), channels.full());
  for (int output = 1; output < 3; ++output) c.set_output(output, c.input_dtype(1), Shape{channels.count});
  const DType saved = accumulation_dtype(c.input_dtype(0));
  for (int output = 3; output < 5; ++output) c.set_output(output, saved, Shape{channels.count});
}

void batch_norm_grad_shape(ShapeContext& c) {
  c.require_same_dtype(0, 1);
  require_channel_dtype(c, 1, 2, 2);
  require_channel_dtype(c, 1, 3, 4);
  Channels channels(c, 1, "x");
  channels.image = c.require_same_shape(0, "y_backprop", 1, "x");
  channels.count = channels.image[channels.axis];
  int i = 2;
  for (const char* name : {"scale", "saved_mean", "saved_inv_std"}) channels.check(i++, name);
  c.set_output(0, c.input_dtype(0), channels.full());
  for (int output = 1; output < 3; ++output) c.set_output(output, c.input_dtype(2), Shape{channels.count});
}

}  // namespace

BatchNormOutputs fused_batch_norm(const Output& x, const Output& scale, const Output& offset, const Output& mean,
                                  const Output& variance, const BatchNormAttrs& attrs, At at) {
  Node& node = add_node("FusedBatchNorm", {x, scale, offset, mean, variance}, attrs, at);
  return {node.output(0), node.output(1), node.output(2), node.output(3), node.output(4)};
}

BatchNormOutputs fused_batch_norm(const Output& x, const Output& scale, const Output& offset,
                                  const BatchNormAttrs& attrs, At at) {
  const Caller caller{"FusedBatchNorm", at};
  if (!attrs.is_training) caller.fail("fused_batch_norm needs mean and variance unless attrs.is_training");
  require_valid(caller, "offset", offset);
  const Output unused = zeros_like(offset, at.location);
  return fused_batch_norm(x, scale, offset, unused, unused, attrs, at);
}

BatchNormGradOutputs fused_batch_norm_grad(const Output& y_backprop, const Output& x, const Output& scale,
                                           const Output& saved_mean, const Output& saved_inv_std,
                                           const BatchNormAttrs& attrs, At at) {
  Node& node = add_node("FusedBatchNormGrad", {y_backprop, x, scale, saved_mean, saved_inv_std}, attrs, at);
  return {node.output(0), node.output(1), node.output(2)};
}

void register_batch_norm_ops(OpRegistry& registry) {
  registry.add(
      def("FusedBatchNorm", {"x", "scale", "offset", "mean", "variance"},
          {"y", "batch_mean", "batch_variance", "saved_mean", "saved_inv_std"}, batch_norm_shape,
          "(x - mean) / sqrt(variance + epsilon) * scale + offset per channel, in training with the batch's own "
          "mean and variance")
          .attrs(BatchNormAttrs{})
          .inplace({0}));
  registry.add(def("FusedBatchNormGrad", {"y_backprop", "x", "scale", "saved_mean", "saved_inv_std"},
                   {"x_backprop", "scale_backprop", "offset_backprop"}, batch_norm_grad_shape,
                   "The gradients of FusedBatchNorm's y with respect to x, scale and offset.")
                   .attrs(BatchNormAttrs{})
                   .inplace({0, 1}));
}

}  // namespace gradus
