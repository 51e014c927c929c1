#include "cases/all_cases.h"
#include "gradus/ops/pooling.h"

namespace gradus::cases {
namespace {

struct Named {
  const char* name;
  Shape image;   // data_format order
  Shape pooled;  // what the geometry gives, by hand
  PoolAttrs attrs;
};

// Odd and even sizes, never square; channel counts around the width of vector registers; overlapping and distant windows.
std::vector<Named> placements() {
  const auto nhwc = DataFormat::kNHWC, nchw = DataFormat::kNCHW;
  return {
      {"2x2", {2, 4, 6, 3}, {2, 2, 3, 3}, square_pool(2, 2)},
      {"2x2_nchw", {2, 3, 4, 6}, {2, 3, 2, 3}, square_pool(2, 2, Padding::kValid, nchw)},
      {"overlapping_same", {1, 5, 4, 2}, {1, 3, 2, 2}, square_pool(3, 2, Padding::kSame)},
      {"overlapping_same_nchw", {1, 2, 5, 4}, {1, 2, 3, 2}, square_pool(3, 2, Padding::kSame, nchw)},
      {"stride1_same_even_window", {1, 3, 4, 2}, {1, 3, 4, 2}, square_pool(2, 1, Padding::kSame)},
      {"uneven", {2, 7, 5, 2}, {2, 2, 4, 2}, {.ksize = {1, 3, 2, 1}, .strides = {1, 4, 1, 1}, .data_format = nhwc}},
      {"stride_beyond_window_same", {1, 7, 5, 1}, {1, 3, 2, 1}, square_pool(2, 3, Padding::kSame)},
      {"explicit",
       {1, 4, 5, 2},
       {1, 4, 3, 2},
       {.ksize = {1, 3, 2, 1},
        .strides = {1, 1, 2, 1},
        .padding = Padding::kExplicit,
        .explicit_paddings = {0, 0, 2, 0, 0, 1, 0, 0}}},
      {"explicit_nchw",
       {1, 2, 4, 5},
       {1, 2, 4, 3},
       {.ksize = {1, 1, 3, 2},
        .strides = {1, 1, 1, 2},
        .padding = Padding::kExplicit,
        .explicit_paddings = {0, 0, 0, 0, 2, 0, 0, 1},
        .data_format = nchw}},
      {"whole_image", {2, 3, 4, 2}, {2, 1, 1, 2}, {.ksize = {1, 3, 4, 1}}},
      {"window_beyond_image_same", {1, 2, 3, 1}, {1, 1, 2, 1}, square_pool(5, 2, Padding::kSame)},
      {"1x1", {1, 2, 3, 2}, {1, 2, 3, 2}, square_pool(1, 1)},
      {"many_channels", {1, 2, 2, 70}, {1, 1, 1, 70}, square_pool(2, 2)},
      {"no_images", {0, 4, 4, 2}, {0, 2, 2, 2}, square_pool(2, 2)},
      {"no_channels", {2, 4, 4, 0}, {2, 2, 2, 0}, square_pool(2, 2)},
  };
}

}  // namespace

void add_pooling_cases(std::vector<OpCase>& cases) {
  const std::vector<DType> floating = kCaseDTypes;
  for (const Named& p : placements()) {
    std::vector<std::int32_t> sizes;
    for (const std::int64_t size : p.image) sizes.push_back(static_cast<std::int32_t>(size));
    cases.push_back(
        {.op = "MaxPool", .name = p.name, .operands = {distinct(p.image)}, .attrs = p.attrs, .dtypes = floating});
    cases.push_back({.op = "MaxPoolGrad",
                     .name = p.name,
                     .operands = {distinct(p.image), real(p.pooled)},
                     .attrs = p.attrs,
                     .dtypes = floating});
    cases.push_back({.op = "MaxPoolGradGrad",
                     .name = p.name,
                     .operands = {distinct(p.image), real(p.image)},
                     .attrs = p.attrs,
                     .dtypes = floating});
    cases.push_back(
        {.op = "AvgPool", .name = p.name, .operands = {real(p.image)}, .attrs = p.attrs, .dtypes = floating});
    cases.push_back({.op = "AvgPoolGrad",
                     .name = p.name,
                     .operands = {int32s(sizes), real(p.pooled)},
                     .attrs = p.attrs,
                     .dtypes = floating});
  }
  // A window that exceeds the image by less than two strides: the gradient ops take a pooled image without columns.
  const PoolAttrs no_columns{.ksize = {1, 1, 3, 1}, .strides = {1, 1, 2, 1}};
  cases.push_back({.op = "MaxPoolGrad",
                   .name = "no_columns",
                   .operands = {distinct({2, 4, 1, 3}), real({2, 4, 0, 3})},
                   .attrs = no_columns,
                   .dtypes = floating});
  cases.push_back({.op = "MaxPoolGradGrad",
                   .name = "no_columns",
                   .operands = {distinct({2, 4, 1, 3}), real({2, 4, 1, 3})},
                   .attrs = no_columns,
                   .dtypes = floating});
  cases.push_back({.op = "AvgPoolGrad",
                   .name = "no_columns",
                   .operands = {int32s({2, 4, 1, 3}), real({2, 4, 0, 3})},
                   .attrs = no_columns,
                   .dtypes = floating});
}

}  // namespace gradus::cases
