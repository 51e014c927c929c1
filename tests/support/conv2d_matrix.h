// The convolution test matrix: a cross product of kernel sizes, strides, dilations, paddings, groups, data formats and
// image sizes, and the special shapes that a product does not reach. Shapes are small, odd and never square, so that
// every mix-up of rows and columns, of before and after, or of two axes shows.
#pragma once

#include <string>
#include <vector>

#include "gradus/core/conv_algorithm.h"
#include "gradus/core/tensor.h"
#include "gradus/ops/conv2d.h"

namespace gradus::testing {

struct ConvCase {
  std::string name;
  Shape input;   // in data_format order
  Shape filter;  // [rows, columns, channels / groups, out_channels]
  Shape output;  // in data_format order
  Conv2DAttrs attrs;
};

// The product, for one padding. Configurations whose kernel does not fit are left out.
std::vector<ConvCase> conv_matrix(Padding padding);
// A subset of the product for checks that cost more: every pair of (dilation, padding), (stride, padding), (groups,
// format) and so on still occurs, over fewer image sizes.
std::vector<ConvCase> small_conv_matrix(Padding padding);
// 1x1, kernel = image, kernel larger than the image, stride larger than the kernel, batch 1 and more, many channels,
// long rows.
std::vector<ConvCase> special_conv_cases();
// 3x3 and 5x5 kernels of stride 1, dilated or not, over images that are no multiple of a tile and numbers of channels that are no multiple
// of a vector.
std::vector<ConvCase> winograd_conv_cases();

// Values of either sign with few bits: exact in every floating dtype.
Tensor coarse_random(DType dtype, const Shape& shape, std::uint64_t seed);

// conv2d(x, w), conv2d_backprop_input(w, dy) and conv2d_backprop_filter(x, dy).
struct ConvResults {
  Tensor y, dx, dw;
};
struct ConvOperands {
  Tensor x, w, dy;
};
ConvOperands conv_operands(const ConvCase& c, DType dtype, std::uint64_t seed = 1);
// Through a session on `device`, with output buffers poisoned by NaN.
ConvResults run_convolutions(const ConvCase& c, const ConvOperands& operands, const std::string& device,
                             int threads = 2, ConvAlgorithm algorithm = ConvAlgorithm::kAuto);

// The three by the definition: one loop over all products of the zero-padded image, in float64, adds to y, dx and dw. Shares
// no code with the library.
ConvResults naive_convolutions(const ConvCase& c, const ConvOperands& operands);

// max |a - b| / max(max |b|, 1e-3); NaN where a NaN meets a number.
double relative_difference(const Tensor& a, const Tensor& b);

}  // namespace gradus::testing
