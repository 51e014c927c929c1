// Adding one number per channel, and its gradient. As TensorFlow's tf.nn.bias_add. Page: docs/ops/bias_add.md.
//
//   y[..., c] = value[..., c] + bias[c]             (NHWC: channels last, any rank from 2 on)
//   y[n, c, ...] = value[n, c, ...] + bias[c]       (NCHW: channels second, any rank from 2 on)
#pragma once

#include "gradus/graph/forward.h"
#include "gradus/ops/axis_extents.h"
#include "gradus/ops/image_format.h"

namespace gradus {

// Shared by BiasAdd and BiasAddGrad.
struct BiasAddAttrs {
  DataFormat data_format = DataFormat::kNHWC;
  template <class V>
  void visit(V& v) {
    v("data_format", data_format, "NHWC: channels are the last dimension; NCHW: the second");
  }
};

// value of rank 2 or more, bias a vector with one element per channel; the result has the shape of value. float16, bfloat16,
// float32, float64. Throws InvalidArgument for other ranks, unlike dtypes, or a bias of another length.
Output bias_add(const Output& value, const Output& bias, const BiasAddAttrs& attrs = {}, At at = {});

// The gradient of bias_add with respect to bias: the sum of out_backprop over everything but the channels; a
// vector of its dtype. Throws InvalidArgument for a rank below 2 or another dtype.
Output bias_add_grad(const Output& out_backprop, const BiasAddAttrs& attrs = {}, At at = {});

// A tensor around its channel dimension: [outer, channels, inner].
AxisExtents channel_extents(const Shape& shape, DataFormat format);

}  // namespace gradus
