// Cases of the convolution family: a thinned-out cross product of strides, dilations, paddings, groups and data
// formats, the same for all three ops. The full product is in tests/support/conv2d_matrix.h.
#include "cases/all_cases.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/conv_geometry.h"

namespace gradus::cases {
namespace {

struct Configuration {
  const char* name;
  Shape input, filter;
  Conv2DAttrs attrs;
};

std::vector<Configuration> configurations() {
  constexpr Padding kSame = Padding::kSame, kValid = Padding::kValid, kExplicit = Padding::kExplicit;
  constexpr DataFormat kNCHW = DataFormat::kNCHW;
  return {
      {"same", {2, 5, 4, 3}, {3, 2, 3, 4}, {.padding = kSame}},
      {"valid", {2, 5, 4, 3}, {3, 2, 3, 4}, {.padding = kValid}},
      {"one_by_one", {2, 3, 4, 3}, {1, 1, 3, 5}, {.padding = kValid}},
      {"kernel_is_image", {2, 4, 3, 2}, {4, 3, 2, 3}, {.padding = kValid}},
      {"kernel_exceeds_image", {1, 2, 3, 2}, {5, 4, 2, 3}, {.padding = kSame}},
      {"stride_2_1_same", {2, 5, 4, 3}, {3, 2, 3, 2}, {.strides = {1, 2, 1, 1}, .padding = kSame}},
      {"stride_3_2_explicit",
       {1, 6, 5, 2},
       {2, 3, 2, 3},
       {.strides = {1, 3, 2, 1}, .padding = kExplicit, .explicit_paddings = {0, 0, 2, 0, 0, 1, 0, 0}}},
      {"stride_exceeds_kernel", {1, 7, 6, 2}, {2, 1, 2, 3}, {.strides = {1, 3, 4, 1}, .padding = kSame}},
      {"dilation_2_3_same", {1, 6, 7, 2}, {3, 2, 2, 2}, {.padding = kSame, .dilations = {1, 2, 3, 1}}},
      {"dilation_2_stride_2_valid",
       {1, 7, 6, 2},
       {3, 2, 2, 2},
       {.strides = {1, 2, 2, 1}, .padding = kValid, .dilations = {1, 2, 2, 1}}},
      {"dilation_2_stride_2_explicit",
       {1, 6, 5, 2},
       {2, 3, 2, 2},
       {.strides = {1, 2, 1, 1},
        .padding = kExplicit,
        .explicit_paddings = {0, 0, 1, 2, 0, 3, 0, 0},
        .dilations = {1, 3, 2, 1}}},
      {"groups", {2, 4, 5, 4}, {3, 2, 2, 6}, {.padding = kSame}},
      {"groups_stride_dilation",
       {1, 6, 5, 4},
       {2, 2, 2, 2},
       {.strides = {1, 2, 1, 1}, .padding = kSame, .dilations = {1, 2, 2, 1}}},
      {"depthwise", {2, 4, 5, 3}, {3, 2, 1, 3}, {.padding = kSame}},
      {"depthwise_multiplier_stride", {1, 5, 4, 3}, {2, 3, 1, 6}, {.strides = {1, 1, 2, 1}, .padding = kSame}},
      {"nchw_same", {2, 3, 5, 4}, {3, 2, 3, 4}, {.padding = kSame, .data_format = kNCHW}},
      {"nchw_valid_stride_dilation",
       {1, 2, 7, 6},
       {3, 2, 2, 3},
       {.strides = {1, 1, 2, 1}, .padding = kValid, .data_format = kNCHW, .dilations = {1, 1, 2, 3}}},
      {"nchw_explicit_groups",
       {2, 4, 4, 5},
       {2, 3, 2, 4},
       {.strides = {1, 1, 1, 2},
        .padding = kExplicit,
        .explicit_paddings = {0, 0, 0, 0, 1, 0, 2, 1},
        .data_format = kNCHW}},
      {"nchw_depthwise", {1, 3, 4, 5}, {2, 2, 1, 6}, {.padding = kSame, .data_format = kNCHW}},
      {"no_cudnn", {1, 4, 3, 2}, {2, 2, 2, 3}, {.padding = kSame, .use_cudnn_on_gpu = false}},
      {"empty_batch", {0, 4, 3, 2}, {2, 2, 2, 3}, {.padding = kSame}},
      {"no_output_channels", {1, 4, 3, 2}, {2, 2, 2, 0}, {.padding = kSame}},
  };
}

std::vector<std::int32_t> int32_sizes(const Shape& shape) {
  std::vector<std::int32_t> sizes;
  for (const std::int64_t size : shape) sizes.push_back(static_cast<std::int32_t>(size));
  return sizes;
}

}  // namespace

void add_conv2d_cases(std::vector<OpCase>& cases) {
  const std::vector<DType> floating = kCaseDTypes;
  for (const Configuration& c : configurations()) {
    const Shape output = conv_geometry(c.attrs.placement(), c.input, c.filter).output_shape();
    cases.push_back({.op = "Conv2D",
                     .name = c.name,
                     .operands = {real(c.input), real(c.filter)},
                     .attrs = c.attrs,
                     .dtypes = floating});
    cases.push_back({.op = "Conv2DBackpropInput",
                     .name = c.name,
                     .operands = {int32s(int32_sizes(c.input)), real(c.filter), real(output)},
                     .attrs = c.attrs,
                     .dtypes = floating});
    cases.push_back({.op = "Conv2DBackpropFilter",
                     .name = c.name,
                     .operands = {real(c.input), int32s(int32_sizes(c.filter)), real(output)},
                     .attrs = c.attrs,
                     .dtypes = floating});
  }
  // A kernel that exceeds the image by less than two strides: out_backprop has no columns (TensorFlow's case), or no rows.
  const Conv2DAttrs no_columns{.strides = {1, 1, 2, 1}, .padding = Padding::kValid};
  const Conv2DAttrs no_rows{.strides = {1, 1, 3, 1}, .padding = Padding::kValid, .data_format = DataFormat::kNCHW};
  cases.push_back({.op = "Conv2DBackpropInput",
                   .name = "no_columns",
                   .operands = {int32s({3, 1, 1, 2}), real({1, 3, 2, 3}), real({3, 1, 0, 3})},
                   .attrs = no_columns,
                   .dtypes = floating});
  cases.push_back({.op = "Conv2DBackpropInput",
                   .name = "nchw_no_rows",
                   .operands = {int32s({2, 2, 2, 4}), real({4, 2, 2, 3}), real({2, 3, 0, 3})},
                   .attrs = no_rows,
                   .dtypes = floating});
  cases.push_back({.op = "Conv2DBackpropFilter",
                   .name = "no_columns",
                   .operands = {real({3, 1, 1, 2}), int32s({1, 3, 2, 3}), real({3, 1, 0, 3})},
                   .attrs = no_columns,
                   .dtypes = floating});
  cases.push_back({.op = "Conv2DBackpropFilter",
                   .name = "nchw_no_rows",
                   .operands = {real({2, 2, 2, 4}), int32s({4, 2, 2, 3}), real({2, 3, 0, 3})},
                   .attrs = no_rows,
                   .dtypes = floating});
  cases.push_back(
      {.op = "Conv2D",
       .name = "allowed_empty_output",
       .operands = {real({3, 1, 1, 2}), real({1, 3, 2, 3})},
       .attrs = Conv2DAttrs{.strides = {1, 1, 2, 1}, .padding = Padding::kValid, .allow_empty_output = true},
       .dtypes = floating});
  cases.push_back({.op = "Conv2DBackpropInput",
                   .name = "sizes_of_rows_and_columns",
                   .operands = {int32s({5, 4}), real({3, 2, 3, 4}), real({2, 3, 2, 4})},
                   .attrs = Conv2DAttrs{.strides = {1, 2, 2, 1}, .padding = Padding::kSame},
                   .dtypes = floating});
}

}  // namespace gradus::cases
