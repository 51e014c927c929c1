// Batch normalisation (Ioffe and Szegedy, ICML 2015) and its gradient, each in one op. Meaning as TensorFlow's
// FusedBatchNormV3. Page: docs/ops/batch_norm.md.
//
//   y = (x - mean) * inv_std * scale + offset,   inv_std = 1 / sqrt(variance + epsilon)
//
// per channel. In training mean and variance are those of the batch, over everything but the channels; otherwise they are the
// operands. x has rank 2 or more; channels are last (NHWC) or second (NCHW). dtypes: float16 and bfloat16 (computed in
// float32), float32, float64. Operands with one number per channel have x's dtype, or float32 beside an x of 16 bits: the better
// choice there, since a variance above 65504 is no float16 and bfloat16 has eight bits. Results of that kind have the operands' dtype; saved_mean and saved_inv_std, on whose
// gradients whole batches are summed, are float32 beside such an x in any case.
#pragma once

#include "gradus/graph/forward.h"
#include "gradus/graph/output.h"
#include "gradus/ops/image_format.h"

namespace gradus {

// Shared by FusedBatchNorm and FusedBatchNormGrad.
struct BatchNormAttrs {
  double epsilon = 1e-3;
  bool is_training = true;
  DataFormat data_format = DataFormat::kNHWC;
  template <class V>
  void visit(V& v) {
    v("epsilon", epsilon, "added to the variance, at least 0");
    v("is_training", is_training, "normalise by the batch's own mean and variance");
    v("data_format", data_format, "NHWC: channels are the last dimension; NCHW: the second");
  }
};

// n is the number of elements per channel. An empty batch (n = 0) has no statistics: batch_mean and batch_variance are NaN,
// saved_mean and saved_inv_std 0, and every gradient is 0.
struct BatchNormOutputs {
  Output y;           // shape and dtype of x
  Output batch_mean;  // training: of the batch; otherwise the operand. A vector, as all that follow
  // Training: of the batch, unbiased, for a moving average (divided by n - 1; 0 where n = 1). Otherwise the operand.
  Output batch_variance;
  Output saved_mean;     // what y was computed with, rounded; the gradient op takes both
  Output saved_inv_std;  // likewise 1 / sqrt(variance + epsilon), in training with the biased variance (divided by n)
};

// scale, offset, mean and variance are vectors with one element per channel. All five results are differentiable in all
// operands. Throws InvalidArgument for other ranks, lengths or dtypes, and for a negative epsilon.
BatchNormOutputs fused_batch_norm(const Output& x, const Output& scale, const Output& offset, const Output& mean,
                                  const Output& variance, const BatchNormAttrs& attrs = {}, At at = {});
// For training, where mean and variance operands have no influence (attrs.is_training must be true).
BatchNormOutputs fused_batch_norm(const Output& x, const Output& scale, const Output& offset,
                                  const BatchNormAttrs& attrs = {}, At at = {});

struct BatchNormGradOutputs {
  Output x_backprop, scale_backprop, offset_backprop;
};

// With h = (x - saved_mean) * saved_inv_std, n elements per channel, and sums over everything but the channels:
//
//   offset_backprop = sum(y_backprop)          scale_backprop = sum(y_backprop * h)
//   x_backprop = scale * saved_inv_std * (y_backprop - offset_backprop / n - h * scale_backprop / n)      in training
//   x_backprop = scale * saved_inv_std * y_backprop                                                       otherwise
//
// In training a saved_mean that is x's mean but for its rounding stands for the exact mean: far from zero, the rounding would be
// a large part of x - saved_mean.
BatchNormGradOutputs fused_batch_norm_grad(const Output& y_backprop, const Output& x, const Output& scale,
                                           const Output& saved_mean, const Output& saved_inv_std,
                                           const BatchNormAttrs& attrs = {}, At at = {});

}  // namespace gradus
