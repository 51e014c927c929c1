// Two-dimensional convolution and its two gradients, and what is built from them. Definitions, attributes and meaning
// are TensorFlow's tf.nn.conv2d, conv2d_backprop_input, conv2d_backprop_filter (r1.4), with dilations, groups, explicit
// paddings and NCHW on every backend. Page: docs/ops/conv2d.md.
//
// With image x, filter w of [rows, columns, channels / groups, out_channels] ("HWIO") and group(k) = k / (out_channels
// / groups):
//
//   y[n, i, j, k]  = sum over r, s, c of
//                    x[n, i * stride_h - pad_top + r * dilation_h, j * stride_w - pad_left + s * dilation_w,
//                      group(k) * channels / groups + c] * w[r, s, c, k]              (0 outside the image)
//
// groups = channels of the image / channels of the filter; groups == channels is a depthwise convolution. Geometry: see
// ops/conv_geometry.h. dtypes: float16 and bfloat16 (accumulated in float32), float32, float64.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/forward.h"
#include "gradus/ops/image_format.h"

namespace gradus {

struct WindowPlacement;

// Shared by all three ops; a gradient rule passes the whole struct on.
struct Conv2DAttrs {
  std::vector<std::int64_t> strides = {1, 1, 1, 1};
  Padding padding = Padding::kSame;
  std::vector<std::int64_t> explicit_paddings = {};
  bool use_cudnn_on_gpu = true;
  DataFormat data_format = DataFormat::kNHWC;
  std::vector<std::int64_t> dilations = {1, 1, 1, 1};
  // Set by the gradient rules: a conv2d that is the derivative of a gradient op has an output without elements where that
  // op's out_backprop has none.
  bool allow_empty_output = false;

  template <class V>
  void visit(V& v) {
    v("strides", strides, "step between windows per dimension, in data_format order; 1 for batch and depth");
    v("padding", padding, "SAME, VALID or EXPLICIT");
    v("explicit_paddings", explicit_paddings,
      "with EXPLICIT: 8 values, [before, after] per dimension in data_format order");
    v("use_cudnn_on_gpu", use_cudnn_on_gpu, "on a GPU: cuDNN, or else the plain kernel; ignored on a CPU");
    v("data_format", data_format, "order of the image's dimensions, NHWC or NCHW");
    v("dilations", dilations,
      "distance between a window's taps per dimension, in data_format order; 1 for batch and depth");
    v("allow_empty_output", allow_empty_output,
      "a kernel larger than the padded image by less than two strides gives an empty output, not an error; the two "
      "gradient "
      "ops always allow it",
      /*optional=*/true);
  }

  // These attributes as the geometry takes them; refers to this struct's vectors.
  WindowPlacement placement() const;
};

// All builders throw InvalidArgument, with the node's name and the caller's line, for what docs/ops/conv2d.md lists:
// ranks, dtypes, strides, paddings, channels or sizes that do not fit together.

// y = the convolution of `input` (rank 4, data_format order) with `filter` [rows, columns, channels / groups,
// out_channels].
Output conv2d(const Output& input, const Output& filter, const Conv2DAttrs& attrs = {}, At at = {});

// The gradient of a convolution with respect to its input: every pixel receives, from each window that covers it,
// out_backprop * filter; pixels that no window covers get 0.
//   input_sizes   int32 vector, the shape of the convolution's input in data_format order (4 values), or rows and columns
//                 (2 values; batch then comes from out_backprop and depth from the filter)
//   filter        as for conv2d
//   out_backprop  gradient with respect to the convolution's output, in data_format order; of the shape that the geometry
//                 gives for input_sizes and filter. Where that has no rows or columns (a kernel larger than the padded
//                 image by less than two strides), the result is zeros
// Result: shape input_sizes, dtype of filter. As a tensor, input_sizes may be a constant, shape(x), or fed at run time.
Output conv2d_backprop_input(const Output& input_sizes, const Output& filter, const Output& out_backprop,
                             const Conv2DAttrs& attrs = {}, At at = {});
Output conv2d_backprop_input(const std::vector<std::int64_t>& input_sizes, const Output& filter,
                             const Output& out_backprop, const Conv2DAttrs& attrs = {}, At at = {});

// The gradient of a convolution with respect to its filter: the sum, over all windows of all images, of pixel *
// out_backprop. `filter_sizes` is the filter's shape, an int32 vector of 4 values. Result: shape filter_sizes, dtype of
// input; zeros for an out_backprop without elements.
Output conv2d_backprop_filter(const Output& input, const Output& filter_sizes, const Output& out_backprop,
                              const Conv2DAttrs& attrs = {}, At at = {});
Output conv2d_backprop_filter(const Output& input, const std::vector<std::int64_t>& filter_sizes,
                              const Output& out_backprop, const Conv2DAttrs& attrs = {}, At at = {});

// The transposed convolution ("deconvolution"): conv2d_backprop_input(output_shape, filter, value). `filter` is
// [rows, columns, out_channels, channels of value] (tf.nn.conv2d_transpose); `output_shape` as input_sizes above.
Output conv2d_transpose(const Output& value, const Output& filter, const Output& output_shape,
                        const Conv2DAttrs& attrs = {}, At at = {});
Output conv2d_transpose(const Output& value, const Output& filter, const std::vector<std::int64_t>& output_shape,
                        const Conv2DAttrs& attrs = {}, At at = {});

// Every channel is convolved with `multiplier` filters of its own (tf.nn.depthwise_conv2d): filter [rows, columns,
// channels, multiplier]; output channel c * multiplier + q comes from channel c and filter[:, :, c, q]. A conv2d with
// groups = channels.
Output depthwise_conv2d(const Output& input, const Output& filter, const Conv2DAttrs& attrs = {}, At at = {});

}  // namespace gradus
