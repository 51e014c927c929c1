// Layers: functions that make their variables and return their result. Images are [batch, rows, columns, channels] (NHWC)
// unless data_format says NCHW. Every layer's nodes are in a name scope of its own, and take the line of the call.
// A mistake is InvalidArgument, "[nn::conv2d 'conv1' at train.cc:31] filters must be at least 1; got 0".
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/nn/initializers.h"
#include "gradus/nn/size2.h"
#include "gradus/ops/image_format.h"

namespace gradus::nn {

struct Conv2DOptions {
  std::int64_t filters = 0;  // output channels; must be given
  Size2 kernel = 3;          // one number, or {rows, columns}
  Size2 strides = 1;
  Size2 dilations = 1;
  Padding padding = Padding::kSame;
  DataFormat data_format = DataFormat::kNHWC;
  std::int64_t groups = 1;
  bool use_bias = true;
  Initializer kernel_initializer = he_normal();
  Initializer bias_initializer = zeros();
  double l2 = 0.0;  // of the kernel
  bool use_cudnn_on_gpu = true;
};
// x [N, H, W, C] -> [N, OH, OW, filters]; variables kernel [rows, columns, C / groups, filters] and bias [filters].
Output conv2d(const Output& x, const Conv2DOptions& options, At at = "conv2d");

struct DepthwiseConv2DOptions {
  std::int64_t multiplier = 1;  // output channels per input channel
  Size2 kernel = 3;
  Size2 strides = 1;
  Size2 dilations = 1;
  Padding padding = Padding::kSame;
  DataFormat data_format = DataFormat::kNHWC;
  bool use_bias = true;
  Initializer kernel_initializer = he_normal();
  Initializer bias_initializer = zeros();
  double l2 = 0.0;
};
// x [N, H, W, C] -> [N, OH, OW, C * multiplier]; variables kernel [rows, columns, C, multiplier] and bias.
Output depthwise_conv2d(const Output& x, const DepthwiseConv2DOptions& options, At at = "depthwise_conv2d");

struct DenseOptions {
  std::int64_t units = 0;  // must be given
  bool use_bias = true;
  Initializer kernel_initializer = glorot_uniform();
  Initializer bias_initializer = zeros();
  double l2 = 0.0;
};
// x [N, in] -> x * kernel + bias [N, units].
Output dense(const Output& x, const DenseOptions& options, At at = "dense");

struct BatchNormOptions {
  bool training = true;    // normalise by the batch and update the moving averages; else by the moving averages
  double momentum = 0.99;  // moving = momentum * moving + (1 - momentum) * batch
  double epsilon = 1e-3;
  DataFormat data_format = DataFormat::kNHWC;
};
// Ioffe and Szegedy, ICML 2015, over all dimensions but the channels. Variables gamma, beta (trainable), moving_mean,
// moving_variance (float32 beside an x of 16 bits); their updates go to the collection `update_ops`, and minimize() runs those of the
// layers that it trains. A batch without elements leaves them as they are.
Output batch_norm(const Output& x, const BatchNormOptions& options = {}, At at = "batch_norm");

struct DropoutOptions {
  double rate = 0.5;  // of elements set to 0; the others are scaled by 1 / (1 - rate)
  bool training = true;
};
// x of any shape -> the same shape; floating. In training each run draws other elements; otherwise the result is x itself. The
// mean of the result is x (Srivastava et al., JMLR 2014, in the inverted form).
Output dropout(const Output& x, const DropoutOptions& options, At at = "dropout");

// x [N, ...] of any dtype -> [N, product of the rest], in row-major order. The rest must be known; N need not be.
Output flatten(const Output& x, At at = "flatten");

struct PoolOptions {
  Size2 size = 2;    // one number, or {rows, columns}
  Size2 stride = 0;  // 0: the size
  Padding padding = Padding::kValid;
  DataFormat data_format = DataFormat::kNHWC;
};
// x [N, H, W, C] -> [N, OH, OW, C], the largest element or the mean of every window; OH and OW as conv2d's with a kernel of this
// size. Padding takes no part: the mean is over the elements that are there. No variables.
Output max_pool2d(const Output& x, const PoolOptions& options = {}, At at = "max_pool2d");
Output avg_pool2d(const Output& x, const PoolOptions& options = {}, At at = "avg_pool2d");

}  // namespace gradus::nn
