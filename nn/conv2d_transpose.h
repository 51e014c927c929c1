// The transposed convolution as a layer: images grow by the strides, as in the decoder of an autoencoder or the generator of a
// GAN.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/nn/initializers.h"
#include "gradus/nn/size2.h"
#include "gradus/ops/image_format.h"

namespace gradus::nn {

struct Conv2DTransposeOptions {
  std::int64_t filters = 0;  // output channels; must be given
  Size2 kernel = 3;
  Size2 strides = 1;
  Size2 dilations = 1;
  Padding padding = Padding::kSame;               // SAME or VALID
  std::vector<std::int64_t> output_padding = {};  // rows, columns; empty: the sizes below
  DataFormat data_format = DataFormat::kNHWC;
  bool use_bias = true;
  Initializer kernel_initializer = he_normal();
  Initializer bias_initializer = zeros();
  double l2 = 0.0;  // of the kernel
  bool use_cudnn_on_gpu = true;
};

// x [N, H, W, C] -> [N, OH, OW, filters]: the gradient, with respect to its input, of a convolution that takes
// [N, OH, OW, filters] to [N, H, W, C]. Variables kernel [rows, columns, filters, C] and bias [filters]. The sizes are those of
// Keras' Conv2DTranspose; with k' = (k - 1) * dilation + 1 they are, for rows as for columns,
//
//   SAME   OH = H * stride
//   VALID  OH = H * stride + max(k' - stride, 0)
//   with output_padding p (smaller than the stride)
//          OH = (H - 1) * stride + k' + p, less 2 * (k' / 2, rounded down) with SAME
//
// H and W may be unknown. fan_in counts C, fan_out counts filters, both times the taps. Throws InvalidArgument, with the
// layer's name and the caller's line, for a rank other than 4, unknown channels, EXPLICIT padding, and options out of range.
Output conv2d_transpose(const Output& x, const Conv2DTransposeOptions& options, At at = "conv2d_transpose");

}  // namespace gradus::nn
