// Pooling: the maximum or the average over windows that slide over an image, channel by channel. Meaning and geometry are
// TensorFlow's tf.nn.max_pool and tf.nn.avg_pool, in both layouts, with explicit paddings. Padding never takes part: a maximum
// is over real pixels only, and an average divides by the number of real pixels under the window. Page: docs/ops/pooling.md.
//
//   max_pool   y[n, i, j, c] = max  over r, s of x[n, i * stride_h - pad_top + r, j * stride_w - pad_left + s, c]
//   avg_pool   y[n, i, j, c] = mean over r, s of the same
//
// Of equal maxima the first in row-major order counts: it alone receives the gradient. A NaN under the window is the maximum.
// dtypes: float16 and bfloat16 (computed in float32), float32, float64. All builders throw InvalidArgument for a rank other than 4, for
// placements that ops/conv_geometry.h rejects, and for explicit paddings as large as the window (a window would see no pixel).
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/forward.h"
#include "gradus/ops/conv_geometry.h"

namespace gradus {

// Shared by all pooling ops and their gradient ops; a gradient rule passes the whole struct on.
struct PoolAttrs {
  std::vector<std::int64_t> ksize = {1, 1, 1, 1};
  std::vector<std::int64_t> strides = {1, 1, 1, 1};
  Padding padding = Padding::kValid;
  std::vector<std::int64_t> explicit_paddings = {};
  DataFormat data_format = DataFormat::kNHWC;
  // As in Conv2DAttrs, and set by the gradient rules.
  bool allow_empty_output = false;

  template <class V>
  void visit(V& v) {
    v("ksize", ksize, "size of the window per dimension, in data_format order; 1 for batch and depth");
    v("strides", strides, "step between windows per dimension, in data_format order; 1 for batch and depth");
    v("padding", padding, "SAME, VALID or EXPLICIT");
    v("explicit_paddings", explicit_paddings,
      "with EXPLICIT: 8 values, [before, after] per dimension in data_format order");
    v("data_format", data_format, "order of the image's dimensions, NHWC or NCHW");
    v("allow_empty_output", allow_empty_output,
      "a window larger than the padded image by less than two strides gives an empty output, not an error; the "
      "gradient ops "
      "always allow it",
      /*optional=*/true);
  }
};

// The windows of these attributes over images of `image` (rank 4, data_format order); unknown sizes are allowed. Throws
// InvalidArgument. Shape functions and kernels take their loops from it. `allow_empty_output` as if attrs had it: for
// gradient ops, and for kernels, which check nothing.
WindowGeometry pool_geometry(const PoolAttrs& attrs, const Shape& image, bool allow_empty_output = false);

// Square windows with equal steps, in the words of data_format: {1, size, size, 1} or {1, 1, size, size}.
PoolAttrs square_pool(std::int64_t size, std::int64_t stride, Padding padding = Padding::kValid,
                      DataFormat data_format = DataFormat::kNHWC);

// Input [N,H,W,C] or [N,C,H,W]; result the same with rows and columns of windows.
Output max_pool(const Output& input, const PoolAttrs& attrs, At at = {});
Output avg_pool(const Output& input, const PoolAttrs& attrs, At at = {});

// The gradient of max_pool(input) with respect to input: every pixel receives out_backprop from each window whose (first)
// maximum it is. Result: shape of input. Linear in out_backprop.
Output max_pool_grad(const Output& input, const Output& out_backprop, const PoolAttrs& attrs, At at = {});
// The gradient of max_pool_grad with respect to out_backprop: from `grad` (shape of input), the element at each window's
// (first) maximum of input. Result: shape of max_pool(input). Linear in grad, and the transpose of max_pool_grad.
Output max_pool_grad_grad(const Output& input, const Output& grad, const PoolAttrs& attrs, At at = {});
// The gradient of avg_pool with respect to its input: every pixel receives out_backprop / (real pixels of the window) from each
// window that covers it. `input_sizes` is the input's shape, an int32 or int64 vector of 4 values; Result: that shape.
Output avg_pool_grad(const Output& input_sizes, const Output& out_backprop, const PoolAttrs& attrs, At at = {});

// The mean over rows and columns: [N,H,W,C] or [N,C,H,W] to [N,C], or with keep_dims to size 1 in both.
Output global_avg_pool(const Output& input, DataFormat data_format = DataFormat::kNHWC, bool keep_dims = false,
                       At at = {});

}  // namespace gradus
