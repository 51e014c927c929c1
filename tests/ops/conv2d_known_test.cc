// Convolutions whose results are known from elsewhere: worked out by hand, or the same thing built from other ops.
#include <gtest/gtest.h>

#include "gradus/gradus.h"
#include "tests/support/conv2d_matrix.h"

namespace gradus::testing {
namespace {

Tensor run_on(const std::string& device, const Output& fetch, const Feeds& feeds = {}) {
  Session session(fetch.graph(), {.device = device, .num_threads = 2, .poison_outputs = true});
  return session.run(feeds, {fetch})[0];
}

std::vector<double> values_of(const Tensor& t) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < t.num_elements(); ++i) values.push_back(t.at(i));
  return values;
}

class Conv2DKnown : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Devices, Conv2DKnown, ::testing::Values("ref:0", "cpu:0"),
                         [](const auto& param_info) { return std::string(param_info.param, 3); });

// The horizontal Sobel operator on an image whose left three columns are 0 and whose right three are 1: every window
// that touches the edge sees (1 + 2 + 1) * 1 = 4, all others 0.
TEST_P(Conv2DKnown, SobelFindsAnEdge) {
  Graph graph;
  std::vector<double> pixels;
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 6; ++x) pixels.push_back(x < 3 ? 0 : 1);
  const Output image = constant(graph, Tensor::from<double>({1, 4, 6, 1}, pixels));
  const Output sobel = constant(graph, Tensor::from<double>({3, 3, 1, 1}, {-1, 0, 1, -2, 0, 2, -1, 0, 1}));
  const Tensor edges = run_on(GetParam(), conv2d(image, sobel, {.padding = Padding::kValid}));
  EXPECT_EQ(edges.shape(), (Shape{1, 2, 4, 1}));
  EXPECT_EQ(values_of(edges), (std::vector<double>{0, 4, 4, 0, 0, 4, 4, 0}));
}

// x = [1 2 3; 4 5 6; 7 8 9], w = [1 2; 3 4], stride 2, SAME: out 2x2, total padding 1, after the image.
//   y00 = 1*1 + 2*2 + 4*3 + 5*4 = 37    y01 = 3*1 + 6*3 = 21
//   y10 = 7*1 + 8*2 = 23                y11 = 9*1 = 9
TEST_P(Conv2DKnown, StridedSameByHand) {
  Graph graph;
  const Output x = constant(graph, Tensor::from<double>({1, 3, 3, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9}));
  const Output w = constant(graph, Tensor::from<double>({2, 2, 1, 1}, {1, 2, 3, 4}));
  const Tensor y = run_on(GetParam(), conv2d(x, w, {.strides = {1, 2, 2, 1}, .padding = Padding::kSame}));
  EXPECT_EQ(values_of(y), (std::vector<double>{37, 21, 23, 9}));
}

// The same configuration backwards. dy = [1 10; 100 1000].
//   dx = each window's dy times w, placed where the window was: [1 2 10; 3 4 30; 100 200 1000]
//   dw[r][s] = sum of dy * x under that tap:
//     dw00 = 1*1 + 10*3 + 100*7 + 1000*9 = 9731    dw01 = 1*2 + 100*8 = 802
//     dw10 = 1*4 + 10*6 = 64                       dw11 = 1*5 = 5
TEST_P(Conv2DKnown, BackpropsByHand) {
  Graph graph;
  const Conv2DAttrs attrs{.strides = {1, 2, 2, 1}, .padding = Padding::kSame};
  const Output x = constant(graph, Tensor::from<double>({1, 3, 3, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9}));
  const Output w = constant(graph, Tensor::from<double>({2, 2, 1, 1}, {1, 2, 3, 4}));
  const Output dy = constant(graph, Tensor::from<double>({1, 2, 2, 1}, {1, 10, 100, 1000}));
  EXPECT_EQ(values_of(run_on(GetParam(), conv2d_backprop_input({1, 3, 3, 1}, w, dy, attrs))),
            (std::vector<double>{1, 2, 10, 3, 4, 30, 100, 200, 1000}));
  EXPECT_EQ(values_of(run_on(GetParam(), conv2d_backprop_filter(x, {2, 2, 1, 1}, dy, attrs))),
            (std::vector<double>{9731, 802, 64, 5}));
}

// Stride 3 with a 1x1 kernel: only pixels 0 and 3 of each row and column are seen; all others get gradient 0.
TEST_P(Conv2DKnown, PixelsThatNoWindowTouchesGetGradientZero) {
  Graph graph;
  const Output w = constant(graph, Tensor::from<double>({1, 1, 1, 1}, {2}));
  const Output dy = constant(graph, Tensor::from<double>({1, 2, 2, 1}, {1, 2, 3, 4}));
  const Tensor dx = run_on(
      GetParam(), conv2d_backprop_input({1, 4, 5, 1}, w, dy, {.strides = {1, 3, 3, 1}, .padding = Padding::kValid}));
  EXPECT_EQ(values_of(dx), (std::vector<double>{2, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 8, 0}));
}

// Dilation 2 on a row of 5: y = x0*1 + x2*10 + x4*100 = 1 + 30 + 500.
TEST_P(Conv2DKnown, DilationSkipsPixels) {
  Graph graph;
  const Output x = constant(graph, Tensor::from<double>({1, 1, 5, 1}, {1, 2, 3, 4, 5}));
  const Output w = constant(graph, Tensor::from<double>({1, 3, 1, 1}, {1, 10, 100}));
  const Tensor y = run_on(GetParam(), conv2d(x, w, {.padding = Padding::kValid, .dilations = {1, 1, 2, 1}}));
  EXPECT_EQ(values_of(y), (std::vector<double>{531}));
}

// Two groups of two channels; the filter has two input channels. Outputs 0, 1 see channels 0, 1; outputs 2, 3 channels
// 2, 3.
//   x = (1, 2, 3, 4), w[c][k] = [1 2 3 4; 10 20 30 40]
//   y = (1*1 + 2*10, 1*2 + 2*20, 3*3 + 4*30, 3*4 + 4*40) = (21, 42, 129, 172)
TEST_P(Conv2DKnown, GroupsDoNotMix) {
  Graph graph;
  const Output x = constant(graph, Tensor::from<double>({1, 1, 1, 4}, {1, 2, 3, 4}));
  const Output w = constant(graph, Tensor::from<double>({1, 1, 2, 4}, {1, 2, 3, 4, 10, 20, 30, 40}));
  EXPECT_EQ(values_of(run_on(GetParam(), conv2d(x, w))), (std::vector<double>{21, 42, 129, 172}));
}

// Depthwise with multiplier 2: y = (1*1, 1*2, 10*3, 10*4).
TEST_P(Conv2DKnown, DepthwiseKeepsChannelsApart) {
  Graph graph;
  const Output x = constant(graph, Tensor::from<double>({1, 1, 1, 2}, {1, 10}));
  const Output w = constant(graph, Tensor::from<double>({1, 1, 2, 2}, {1, 2, 3, 4}));
  EXPECT_EQ(values_of(run_on(GetParam(), depthwise_conv2d(x, w))), (std::vector<double>{1, 2, 30, 40}));
}

// A 2x2 kernel of stride 2 writes each value as a 2x2 block: [1 2] -> [1 2 2 4; 3 4 6 8] with w = [1 2; 3 4].
TEST_P(Conv2DKnown, TransposeEnlarges) {
  Graph graph;
  const Output value = constant(graph, Tensor::from<double>({1, 1, 2, 1}, {1, 2}));
  const Output w = constant(graph, Tensor::from<double>({2, 2, 1, 1}, {1, 2, 3, 4}));
  const Conv2DAttrs attrs{.strides = {1, 2, 2, 1}, .padding = Padding::kSame};
  EXPECT_EQ(values_of(run_on(GetParam(), conv2d_transpose(value, w, {1, 2, 4, 1}, attrs))),
            (std::vector<double>{1, 2, 2, 4, 3, 4, 6, 8}));
}

TEST_P(Conv2DKnown, EmptyTensors) {
  Graph graph;
  const auto zeros = [&](const Shape& shape) { return constant(graph, Tensor::full(DType::kFloat32, shape, 7)); };
  // batch 0
  EXPECT_EQ(run_on(GetParam(), conv2d(zeros({0, 5, 4, 3}), zeros({3, 3, 3, 2}))).shape(), (Shape{0, 5, 4, 2}));
  EXPECT_EQ(run_on(GetParam(), conv2d_backprop_input({0, 5, 4, 3}, zeros({3, 3, 3, 2}), zeros({0, 5, 4, 2}))).shape(),
            (Shape{0, 5, 4, 3}));
  EXPECT_EQ(
      values_of(run_on(GetParam(), conv2d_backprop_filter(zeros({0, 5, 4, 1}), {1, 2, 1, 2}, zeros({0, 5, 4, 2})))),
      (std::vector<double>{0, 0, 0, 0}));
  // no output channels
  EXPECT_EQ(run_on(GetParam(), conv2d(zeros({2, 5, 4, 3}), zeros({3, 3, 3, 0}))).shape(), (Shape{2, 5, 4, 0}));
  EXPECT_EQ(
      values_of(run_on(GetParam(), conv2d_backprop_input({1, 1, 2, 1}, zeros({1, 1, 1, 0}), zeros({1, 1, 2, 0})))),
      (std::vector<double>{0, 0}));
  EXPECT_EQ(run_on(GetParam(), conv2d_backprop_filter(zeros({2, 5, 4, 3}), {3, 3, 3, 0}, zeros({2, 5, 4, 0}))).shape(),
            (Shape{3, 3, 3, 0}));
  // no rows
  EXPECT_EQ(run_on(GetParam(), conv2d(zeros({2, 0, 4, 3}), zeros({3, 3, 3, 2}))).shape(), (Shape{2, 0, 4, 2}));
}

// input_sizes as a constant, as shape(x), fed at run time, and as rows and columns only.
TEST_P(Conv2DKnown, InputSizesFromEverywhere) {
  const ConvCase c = small_conv_matrix(Padding::kSame)[0];
  const ConvOperands o = conv_operands(c, DType::kFloat64);
  const Tensor expected = naive_convolutions(c, o).dx;
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1, -1, -1, c.input[3]}), w = constant(graph, o.w),
               dy = constant(graph, o.dy);
  const Output fed = placeholder(graph, DType::kInt32, {4});
  const Output fed_of_any_length = placeholder(graph, DType::kInt32, {-1});
  std::vector<std::int32_t> sizes;
  for (const std::int64_t d : c.input) sizes.push_back(static_cast<std::int32_t>(d));
  const Tensor fed_sizes = Tensor::from(sizes);
  EXPECT_LE(relative_difference(run_on(GetParam(), conv2d_backprop_input(c.input.dims(), w, dy, c.attrs)), expected),
            1e-12);
  const Output by_shape = conv2d_backprop_input(shape(x), w, dy, c.attrs);
  EXPECT_EQ(by_shape.shape()[3], c.input[3]);
  EXPECT_LE(relative_difference(run_on(GetParam(), by_shape, {{x, o.x}}), expected), 1e-12);
  for (const Output& f : {fed, fed_of_any_length}) {
    const Output by_feed = conv2d_backprop_input(f, w, dy, c.attrs);
    EXPECT_EQ(by_feed.shape().rank(), 4);
    EXPECT_LE(relative_difference(run_on(GetParam(), by_feed, {{f, fed_sizes}}), expected), 1e-12);
  }
  EXPECT_LE(relative_difference(run_on(GetParam(), conv2d_backprop_input({c.input[1], c.input[2]}, w, dy, c.attrs)),
                                expected),
            1e-12);
}

// conv2d rebuilt from pad, slice, multiply and sum: y = sum over r, s of slice(pad(x)) * w[r, s], summed over the
// channels.
TEST_P(Conv2DKnown, AgreesWithPadSliceMultiplySum) {
  const Conv2DAttrs attrs{.strides = {1, 2, 1, 1},
                          .padding = Padding::kExplicit,
                          .explicit_paddings = {0, 0, 1, 2, 2, 0, 0, 0},
                          .dilations = {1, 1, 2, 1}};
  Graph graph;
  const Output x = constant(graph, coarse_random(DType::kFloat64, {2, 6, 7, 3}, 1));
  const Output w = constant(graph, coarse_random(DType::kFloat64, {3, 2, 3, 4}, 2));
  const Output y = conv2d(x, w, attrs);
  ASSERT_EQ(y.shape(), (Shape{2, 4, 7, 4}));  // (6 + 3 - 3) / 2 + 1 = 4, (7 + 2 - 3) / 1 + 1 = 7
  const Output padded = pad(x, {0, 0, 1, 2, 2, 0, 0, 0});
  std::vector<Output> terms;
  for (std::int64_t r = 0; r < 3; ++r) {
    for (std::int64_t s = 0; s < 2; ++s) {
      // rows r, r + 2, r + 4, r + 6; columns 2s, ..., 2s + 6
      const Output pixels = strided_slice(padded, {0, r, 2 * s, 0}, {2, r + 7, 2 * s + 7, 3}, {1, 2, 1, 1});
      const Output weights = reshape(slice(w, {r, s, 0, 0}, {1, 1, 3, 4}), {1, 1, 1, 3, 4});
      terms.push_back(reduce_sum(expand_dims(pixels, 4) * weights, {3}));
    }
  }
  EXPECT_LE(relative_difference(run_on(GetParam(), y), run_on(GetParam(), add_n(terms))), 1e-12);
}

}  // namespace
}  // namespace gradus::testing
