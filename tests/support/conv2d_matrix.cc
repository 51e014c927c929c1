#include "tests/support/conv2d_matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradus/graph/run/session.h"
#include "gradus/ops/source_ops.h"

namespace gradus::testing {
namespace {

struct Pair {
  std::int64_t h, w;
};
struct Channels {
  std::int64_t in, filter_in, out;
  const char* name;
};

// The definition of the output's size, by hand: counts the windows that fit.
std::int64_t count_windows(std::int64_t padded, std::int64_t extent, std::int64_t stride) {
  std::int64_t count = 0;
  for (std::int64_t first = 0; first + extent <= padded; first += stride) ++count;
  return count;
}

// [before, after] by TensorFlow's rule for SAME.
std::pair<std::int64_t, std::int64_t> same_padding(std::int64_t in, std::int64_t extent, std::int64_t stride) {
  const std::int64_t out = (in + stride - 1) / stride;
  std::int64_t total = (out - 1) * stride + extent - in;
  if (total < 0) total = 0;
  return {total / 2, total - total / 2};
}

struct Paddings {
  std::int64_t top, bottom, left, right;
};

struct Axis {
  std::int64_t extent_h, extent_w;
};
Axis extents(const Shape& filter, Pair dilation) {
  return {(filter[0] - 1) * dilation.h + 1, (filter[1] - 1) * dilation.w + 1};
}

Pair spatial(const std::vector<std::int64_t>& values, DataFormat format) {
  return format == DataFormat::kNHWC ? Pair{values[1], values[2]} : Pair{values[2], values[3]};
}
Pair spatial(const Shape& shape, DataFormat format) {
  return format == DataFormat::kNHWC ? Pair{shape[1], shape[2]} : Pair{shape[2], shape[3]};
}

Paddings paddings_of(const ConvCase& c) {
  const DataFormat format = c.attrs.data_format;
  const Pair in = spatial(c.input, format), stride = spatial(c.attrs.strides, format);
  const Axis extent = extents(c.filter, spatial(c.attrs.dilations, format));
  if (c.attrs.padding == Padding::kValid) return {0, 0, 0, 0};
  if (c.attrs.padding == Padding::kExplicit) {
    const std::size_t h = format == DataFormat::kNHWC ? 2 : 4;
    const auto& p = c.attrs.explicit_paddings;
    return {p[h], p[h + 1], p[h + 2], p[h + 3]};
  }
  const auto [top, bottom] = same_padding(in.h, extent.extent_h, stride.h);
  const auto [left, right] = same_padding(in.w, extent.extent_w, stride.w);
  return {top, bottom, left, right};
}

std::vector<std::int64_t> four(DataFormat format, Pair p) {
  return format == DataFormat::kNHWC ? std::vector<std::int64_t>{1, p.h, p.w, 1}
                                     : std::vector<std::int64_t>{1, 1, p.h, p.w};
}

ConvCase make_case(std::int64_t batch, Pair image, Channels channels, Pair kernel, Pair stride, Pair dilation,
                   Padding padding, DataFormat format) {
  ConvCase c;
  c.attrs.padding = padding;
  c.attrs.data_format = format;
  c.attrs.strides = four(format, stride);
  c.attrs.dilations = four(format, dilation);
  if (padding == Padding::kExplicit) {
    c.attrs.explicit_paddings = format == DataFormat::kNHWC ? std::vector<std::int64_t>{0, 0, 2, 0, 1, 3, 0, 0}
                                                            : std::vector<std::int64_t>{0, 0, 0, 0, 2, 0, 1, 3};
  }
  c.input = image_shape(format, batch, image.h, image.w, channels.in);
  c.filter = {kernel.h, kernel.w, channels.filter_in, channels.out};
  const Paddings p = paddings_of(c);
  const Axis extent = extents(c.filter, dilation);
  c.output = image_shape(format, batch, count_windows(image.h + p.top + p.bottom, extent.extent_h, stride.h),
                         count_windows(image.w + p.left + p.right, extent.extent_w, stride.w), channels.out);
  c.name = fmt::format("{}x{}x{} {} kernel {}x{} stride {},{} dilation {},{} {} {}", batch, image.h, image.w,
                       channels.name, kernel.h, kernel.w, stride.h, stride.w, dilation.h, dilation.w,
                       padding_name(padding), data_format_name(format));
  return c;
}

bool fits(const ConvCase& c) {
  const Pair out = spatial(c.output, c.attrs.data_format);
  return out.h > 0 && out.w > 0;
}

constexpr DataFormat kFormats[] = {DataFormat::kNHWC, DataFormat::kNCHW};
const Channels kOne{1, 1, 1, "1->1"};
const Channels kOdd{3, 3, 5, "3->5"};
const Channels kGroups{4, 2, 6, "4->6 in 2 groups"};
const Channels kDepthwise{3, 1, 3, "depthwise 3"};
const Channels kMultiplier{3, 1, 6, "depthwise 3 times 2"};

std::vector<ConvCase> product(Padding padding, const std::vector<Pair>& images, const std::vector<Pair>& kernels,
                              const std::vector<Pair>& strides, const std::vector<Pair>& dilations,
                              const std::vector<Channels>& channels) {
  std::vector<ConvCase> cases;
  for (const Pair image : images)
    for (const Pair kernel : kernels)
      for (const Pair stride : strides)
        for (const Pair dilation : dilations)
          for (const Channels& channel : channels)
            for (const DataFormat format : kFormats) {
              ConvCase c = make_case(1 + static_cast<std::int64_t>(cases.size() % 2), image, channel, kernel, stride,
                                     dilation, padding, format);
              if (fits(c)) cases.push_back(std::move(c));
            }
  return cases;
}

}  // namespace

std::vector<ConvCase> conv_matrix(Padding padding) {
  return product(padding, {{7, 6}, {8, 9}}, {{1, 1}, {3, 2}, {2, 5}}, {{1, 1}, {2, 1}, {1, 2}, {3, 2}},
                 {{1, 1}, {2, 1}, {1, 2}, {3, 3}}, {kOne, kOdd, kGroups, kDepthwise, kMultiplier});
}

std::vector<ConvCase> small_conv_matrix(Padding padding) {
  return product(padding, {{5, 4}}, {{3, 2}}, {{1, 1}, {2, 1}, {3, 2}}, {{1, 1}, {2, 3}}, {kOdd, kGroups, kMultiplier});
}

std::vector<ConvCase> special_conv_cases() {
  std::vector<ConvCase> cases;
  for (const DataFormat format : kFormats) {
    for (const Padding padding : {Padding::kSame, Padding::kValid, Padding::kExplicit}) {
      cases.push_back(
          make_case(3, {5, 7}, {8, 8, 16, "8->16"}, {5, 7}, {1, 1}, {1, 1}, padding, format));  // kernel = image
      cases.push_back(
          make_case(2, {9, 8}, {2, 2, 3, "2->3"}, {2, 1}, {4, 3}, {1, 1}, padding, format));  // stride > kernel
      cases.push_back(
          make_case(2, {11, 7}, {1, 1, 6, "1->6"}, {5, 5}, {1, 1}, {1, 1}, padding, format));  // as LeNet's first
      cases.push_back(
          make_case(17, {6, 7}, {6, 6, 16, "6->16"}, {5, 5}, {1, 1}, {1, 1}, padding, format));  // as its second
      cases.push_back(make_case(1, {13, 12}, {19, 19, 37, "19->37"}, {3, 3}, {2, 2}, {1, 1}, padding, format));
      cases.push_back(
          make_case(1, {40, 33}, {8, 8, 24, "8->24"}, {3, 3}, {1, 1}, {1, 1}, padding, format));  // several strips
      cases.push_back(
          make_case(1, {3, 600}, {17, 17, 8, "17->8"}, {3, 5}, {1, 2}, {1, 1}, padding, format));  // long rows
      // Images of few channels and results of many, and the other way around.
      cases.push_back(make_case(2, {9, 10}, {3, 3, 33, "3->33"}, {3, 3}, {1, 1}, {1, 1}, padding, format));
      cases.push_back(make_case(2, {9, 10}, {3, 3, 16, "3->16"}, {3, 3}, {2, 1}, {2, 1}, padding, format));
      cases.push_back(make_case(1, {90, 61}, {1, 1, 9, "1->9"}, {3, 3}, {1, 2}, {1, 1}, padding, format));
      cases.push_back(make_case(2, {9, 8}, {6, 3, 32, "6->32 in 2 groups"}, {3, 1}, {1, 1}, {1, 1}, padding, format));
      cases.push_back(make_case(1, {23, 33}, {48, 48, 20, "48->20"}, {1, 1}, {2, 2}, {1, 1}, padding, format));
      cases.push_back(make_case(2, {9, 10}, {4, 4, 40, "4->40"}, {3, 2}, {2, 1}, {1, 2}, padding, format));
      cases.push_back(make_case(2, {9, 10}, {40, 40, 2, "40->2"}, {2, 3}, {1, 1}, {1, 1}, padding, format));
      cases.push_back(make_case(2, {9, 10}, {40, 40, 5, "40->5"}, {1, 3}, {1, 1}, {2, 1}, padding, format));
      cases.push_back(make_case(2, {9, 10}, {40, 40, 7, "40->7"}, {3, 1}, {1, 1}, {1, 1}, padding, format));
      cases.push_back(make_case(1, {90, 61}, {1, 1, 20, "1->20"}, {3, 4}, {1, 1}, {2, 3}, padding, format));
      cases.push_back(make_case(2, {9, 10}, {9, 9, 1, "9->1"}, {3, 4}, {1, 1}, {1, 2}, padding, format));
      cases.push_back(make_case(2, {9, 10}, {40, 20, 4, "40->4 in 2 groups"}, {2, 3}, {1, 1}, {1, 1}, padding, format));
      cases.push_back(make_case(2, {9, 10}, {16, 1, 16, "depthwise 16"}, {3, 3}, {1, 2}, {2, 1}, padding, format));
      cases.push_back(make_case(2, {4, 21}, {11, 1, 11, "depthwise 11"}, {2, 18}, {1, 1}, {1, 1}, padding, format));
      cases.push_back(make_case(2, {7, 9}, {35, 1, 35, "depthwise 35"}, {3, 5}, {2, 2}, {1, 2}, padding, format));
      cases.push_back(make_case(2, {40, 33}, {50, 1, 50, "depthwise 50"}, {3, 3}, {1, 1}, {1, 1}, padding, format));
      cases.push_back(make_case(1, {13, 12}, {33, 1, 33, "depthwise 33"}, {5, 5}, {2, 1}, {1, 1}, padding, format));
      cases.push_back(make_case(2, {13, 6}, {33, 1, 33, "depthwise 33"}, {12, 1}, {1, 1}, {1, 1}, padding, format));
      // Pixels of a power of two bytes.
      cases.push_back(make_case(2, {5, 7}, {64, 1, 64, "depthwise 64"}, {3, 2}, {1, 1}, {1, 1}, padding, format));
      cases.push_back(
          make_case(1, {6, 5}, {32, 1, 64, "depthwise 32 times 2"}, {2, 3}, {2, 1}, {1, 2}, padding, format));
      cases.push_back(
          make_case(2, {9, 10}, {12, 3, 40, "12->40 in 4 groups"}, {3, 2}, {2, 1}, {1, 2}, padding, format));
    }
    cases.push_back(
        make_case(2, {3, 2}, {2, 2, 3, "2->3"}, {7, 5}, {1, 1}, {1, 1}, Padding::kSame, format));  // kernel > image
    cases.push_back(
        make_case(2, {4, 3}, {2, 2, 3, "2->3"}, {3, 3}, {2, 3}, {9, 7}, Padding::kSame, format));  // taps far outside
    cases.push_back(make_case(2, {7, 2}, {19, 1, 19, "depthwise 19"}, {3, 9}, {2, 5}, {1, 1}, Padding::kSame,
                              format));  // taps that see nothing, between others
    cases.push_back(make_case(1, {1, 1}, {5, 5, 2, "5->2"}, {1, 1}, {3, 3}, {1, 1}, Padding::kSame, format));
  }
  return cases;
}

std::vector<ConvCase> winograd_conv_cases() {
  std::vector<ConvCase> cases;
  const Channels channels[] = {
      {1, 1, 1, "1->1"}, {3, 3, 5, "3->5"}, {16, 16, 16, "16->16"}, {17, 17, 24, "17->24"}, {8, 8, 40, "8->40"}};
  for (const Padding padding : {Padding::kSame, Padding::kValid, Padding::kExplicit})
    for (const Pair image : {Pair{7, 6}, Pair{8, 13}, Pair{5, 5}})
      for (const Pair kernel : {Pair{3, 3}, Pair{5, 5}})
        for (const Channels& c : channels)
          for (const DataFormat format : kFormats)
            cases.push_back(make_case(1 + static_cast<std::int64_t>(cases.size() % 3), image, c, kernel, {1, 1}, {1, 1},
                                      padding, format));
  // Dilations, also such as leave no two pixels of an axis that meet, and more; the last tiles of some interleaved images lie outside.
  for (const Padding padding : {Padding::kSame, Padding::kValid, Padding::kExplicit})
    for (const Pair dilation : {Pair{2, 3}, Pair{4, 1}, Pair{3, 14}, Pair{5, 4}, Pair{1, 15}})
      for (const Pair kernel : {Pair{3, 3}, Pair{5, 5}})
        for (const Channels& c : channels) {
          ConvCase dilated = make_case(1 + static_cast<std::int64_t>(cases.size() % 3), {9, 14}, c, kernel, {1, 1},
                                       dilation, padding, kFormats[cases.size() % 2]);
          if (fits(dilated)) cases.push_back(std::move(dilated));
        }
  // Many blocks of tiles, and more parts of a filter's gradient than one.
  cases.push_back(
      make_case(9, {24, 23}, {16, 16, 32, "16->32"}, {3, 3}, {1, 1}, {1, 1}, Padding::kSame, DataFormat::kNHWC));
  cases.push_back(
      make_case(5, {17, 22}, {24, 24, 16, "24->16"}, {5, 5}, {1, 1}, {1, 1}, Padding::kSame, DataFormat::kNCHW));
  cases.push_back(
      make_case(3, {28, 31}, {16, 16, 32, "16->32"}, {3, 3}, {1, 1}, {2, 3}, Padding::kSame, DataFormat::kNHWC));
  return cases;
}

Tensor coarse_random(DType dtype, const Shape& shape, std::uint64_t seed) {
  Tensor values = random_uniform_tensor(DType::kFloat64, shape, seed, -1.0, 1.0);
  for (double& v : values.flat<double>()) v = std::round(v * 256) / 256;
  return values.cast(dtype);
}

ConvOperands conv_operands(const ConvCase& c, DType dtype, std::uint64_t seed) {
  return {coarse_random(dtype, c.input, 3 * seed), coarse_random(dtype, c.filter, 3 * seed + 1),
          coarse_random(dtype, c.output, 3 * seed + 2)};
}

ConvResults run_convolutions(const ConvCase& c, const ConvOperands& operands, const std::string& device, int threads,
                             ConvAlgorithm algorithm) {
  Graph graph;
  const Output x = placeholder(graph, operands.x.dtype(), c.input),
               w = placeholder(graph, operands.w.dtype(), c.filter),
               dy = placeholder(graph, operands.dy.dtype(), c.output);
  const std::vector<Output> fetches = {conv2d(x, w, c.attrs), conv2d_backprop_input(c.input.dims(), w, dy, c.attrs),
                                       conv2d_backprop_filter(x, c.filter.dims(), dy, c.attrs)};
  Session session(graph,
                  {.device = device, .num_threads = threads, .conv_algorithm = algorithm, .poison_outputs = true});
  const std::vector<Tensor> values = session.run({{x, operands.x}, {w, operands.w}, {dy, operands.dy}}, fetches);
  return {values[0], values[1], values[2]};
}

ConvResults naive_convolutions(const ConvCase& c, const ConvOperands& operands) {
  const DataFormat format = c.attrs.data_format;
  const ImageAxes axes = image_axes(format);
  const Pair stride = spatial(c.attrs.strides, format), dilation = spatial(c.attrs.dilations, format);
  const Pair in = spatial(c.input, format), out = spatial(c.output, format);
  const Paddings p = paddings_of(c);
  const std::int64_t channels = c.input[axes.channels], depth = c.filter[2], outs = c.filter[3];
  ConvResults r{Tensor::zeros(DType::kFloat64, c.output), Tensor::zeros(DType::kFloat64, c.input),
                Tensor::zeros(DType::kFloat64, c.filter)};
  const Tensor exact_x = operands.x.cast(DType::kFloat64), exact_w = operands.w.cast(DType::kFloat64);
  const Tensor exact_dy = operands.dy.cast(DType::kFloat64);
  const double *const x_at = exact_x.data<double>(), *const w_at = exact_w.data<double>(),
                      *const dy_at = exact_dy.data<double>();
  double *const y_at = r.y.data<double>(), *const dx_at = r.dx.data<double>(), *const dw_at = r.dw.data<double>();
  const auto index = [&](const Shape& shape, std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t k) {
    return format == DataFormat::kNHWC ? ((n * shape[1] + i) * shape[2] + j) * shape[3] + k
                                       : ((n * shape[1] + k) * shape[2] + i) * shape[3] + j;
  };
  for (std::int64_t n = 0; n < c.input[0]; ++n)
    for (std::int64_t i = 0; i < out.h; ++i)
      for (std::int64_t j = 0; j < out.w; ++j)
        for (std::int64_t a = 0; a < c.filter[0]; ++a)
          for (std::int64_t b = 0; b < c.filter[1]; ++b) {
            const std::int64_t y = i * stride.h + a * dilation.h - p.top, x = j * stride.w + b * dilation.w - p.left;
            const bool padding = y < 0 || y >= in.h || x < 0 || x >= in.w;  // zeros, which have no dx
            for (std::int64_t k = 0; k < outs; ++k)
              for (std::int64_t q = 0; q < depth; ++q) {
                const std::int64_t channel = k / (outs / (channels / depth)) * depth + q;
                const std::int64_t at_y = index(c.output, n, i, j, k), at_x = index(c.input, n, y, x, channel);
                const std::int64_t at_w = ((a * c.filter[1] + b) * depth + q) * outs + k;
                const double vx = padding ? 0.0 : x_at[at_x], vw = w_at[at_w], vdy = dy_at[at_y];
                y_at[at_y] += vx * vw;
                if (!padding) dx_at[at_x] += vdy * vw;
                dw_at[at_w] += vx * vdy;
              }
          }
  return r;
}

double relative_difference(const Tensor& a, const Tensor& b) {
  double largest = 1e-3;
  for (std::int64_t i = 0; i < b.num_elements(); ++i) largest = std::max(largest, std::abs(b.at(i)));
  return max_abs_difference(a.cast(DType::kFloat64), b.cast(DType::kFloat64)) / largest;
}

}  // namespace gradus::testing
