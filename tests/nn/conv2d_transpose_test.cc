// nn::conv2d_transpose: the sizes of Keras' Conv2DTranspose, values by hand, and being the adjoint of a convolution.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace gradus::nn {
namespace {

using Values = std::vector<double>;

Values elements(const Tensor& t) {
  Values values;
  for (std::int64_t i = 0; i < t.num_elements(); ++i) values.push_back(t.at(i));
  return values;
}

// A kernel of the given numbers, for one channel in and out.
Initializer numbers(const Values& values) {
  return [values](Graph& graph, DType dtype, const Shape& shape) {
    return gradus::constant(graph, Tensor::from(shape, values).cast(dtype));
  };
}

// One row [1, 2] with kernel [10, 20, 30] and stride 2. Each pixel puts down a scaled kernel, two apart:
//   10 20 30
//        +20 40 60   = 10 20 50 40 60
Values row(Conv2DTransposeOptions options, const std::string& device = "cpu:0") {
  Graph graph;
  const Output x = gradus::constant(graph, Tensor::from(Shape{1, 1, 2, 1}, Values{1, 2}));
  options.filters = 1;
  options.kernel = {1, 3};
  options.strides = {1, 2};
  options.kernel_initializer = numbers({10, 20, 30});
  return elements(Session(graph, {.device = device}).run({conv2d_transpose(x, options)})[0]);
}

TEST(Conv2DTranspose, ValuesAndSizesByHand) {
  for (const std::string device : {"cpu:0", "ref:0"}) {
    EXPECT_EQ(row({.padding = Padding::kValid}, device), (Values{10, 20, 50, 40, 60}));  // 2 * 2 + (3 - 2)
    EXPECT_EQ(row({.padding = Padding::kSame}, device), (Values{10, 20, 50, 40}));  // 2 * 2; the odd pixel goes after
    EXPECT_EQ(row({.padding = Padding::kValid, .output_padding = {0, 1}}, device), (Values{10, 20, 50, 40, 60, 0}));
    EXPECT_EQ(row({.padding = Padding::kSame, .output_padding = {0, 0}}, device), (Values{20, 50, 40}));  // 2 + 3 - 2
    EXPECT_EQ(row({.padding = Padding::kSame, .output_padding = {0, 1}}, device), (Values{10, 20, 50, 40}));
    EXPECT_EQ(row({.padding = Padding::kValid, .bias_initializer = ones()}, device), (Values{11, 21, 51, 41, 61}));
  }
}

// Keras' deconv_output_length, worked out by hand.
TEST(Conv2DTranspose, StaticShapes) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 7, 5, 3});
  EXPECT_EQ(conv2d_transpose(x, {.filters = 4, .strides = {2, 3}}).shape(), (Shape{-1, 14, 15, 4}));
  EXPECT_EQ(
      conv2d_transpose(x, {.filters = 4, .kernel = {4, 2}, .strides = {2, 3}, .padding = Padding::kValid}).shape(),
      (Shape{-1, 16, 15, 4}));  // 14 + (4 - 2); 15 + 0
  EXPECT_EQ(conv2d_transpose(x, {.filters = 4, .dilations = {2, 3}, .padding = Padding::kValid}).shape(),
            (Shape{-1, 11, 11, 4}));  // k' = 5 and 7: 7 + 4, 5 + 6
  const Output nchw = placeholder(graph, DType::kFloat32, {-1, 3, 7, 5});
  EXPECT_EQ(conv2d_transpose(nchw, {.filters = 4, .strides = {2, 3}, .data_format = DataFormat::kNCHW}).shape(),
            (Shape{-1, 4, 14, 15}));
}

TEST(Conv2DTranspose, SizesThatOnlyTheRunKnows) {
  for (const Shape& shape : {Shape{-1, -1, -1, 2}, Shape{-1, 3, -1, 2}, Shape{-1, -1, 4, 2}}) {
    Graph graph;
    const Output x = placeholder(graph, DType::kFloat32, shape);
    const Output y =
        conv2d_transpose(x, {.filters = 5, .kernel = {3, 2}, .strides = {2, 3}, .padding = Padding::kValid});
    const Tensor result = Session(graph).run({{x, Tensor::zeros(DType::kFloat32, {6, 3, 4, 2})}}, {y})[0];
    EXPECT_EQ(result.shape(), (Shape{6, 7, 12, 5}));  // 6 + 1, 12 + 0
  }
}

// <conv2d(v, kernel), x> = <v, conv2d_transpose(x)> for every v, in both formats.
TEST(Conv2DTranspose, IsTheAdjointOfAConvolution) {
  for (const Padding padding : {Padding::kSame, Padding::kValid})
    for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
      Graph graph;
      const DType dtype = DType::kFloat64;
      const Output x = gradus::constant(graph, random_normal_tensor(dtype, image_shape(format, 2, 4, 3, 5), 1));
      const Output y = conv2d_transpose(x, {.filters = 2,
                                            .kernel = {3, 2},
                                            .strides = {2, 3},
                                            .padding = padding,
                                            .data_format = format,
                                            .use_bias = false});
      const Output kernel = graph.collection(kTrainableVariables).at(0);
      EXPECT_EQ(kernel.shape(), (Shape{3, 2, 2, 5}));
      const Output v = gradus::constant(graph, random_normal_tensor(dtype, y.shape(), 2));
      const Output back = gradus::conv2d(
          v, kernel, {.strides = image_shape(format, 1, 2, 3, 1).dims(), .padding = padding, .data_format = format});
      const auto r = Session(graph).run({reduce_sum(back * x), reduce_sum(v * y)});
      EXPECT_NEAR(r[0].at(0), r[1].at(0), 1e-10);
    }
}

TEST(Conv2DTranspose, LearnsToUndoAConvolution) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 3, 3, 1});
  const Output target = placeholder(graph, DType::kFloat32, {-1, 6, 6, 1});
  const Output y = conv2d_transpose(x, {.filters = 1, .kernel = {2, 2}, .strides = {2, 2}});
  const Output loss = mean_squared_error(target, y);
  const Operation step = adam({.learning_rate = 0.1}).minimize(loss);
  Session session(graph, {.seed = 3});
  // Every pixel becomes a block of 2 x 2.
  const Tensor images = random_uniform_tensor(DType::kFloat32, {16, 3, 3, 1}, 1);
  Tensor blocks(DType::kFloat32, {16, 6, 6, 1});
  for (std::int64_t i = 0; i < blocks.num_elements(); ++i)
    blocks.set(i, images.at(i / 36 * 9 + i % 36 / 6 / 2 * 3 + i % 6 / 2));
  for (int i = 0; i < 300; ++i) session.run({{x, images}, {target, blocks}}, {}, {step});
  EXPECT_LT(session.run({{x, images}, {target, blocks}}, {loss})[0].at(0), 1e-4);
}

TEST(Conv2DTranspose, MistakesNameTheLayerAndTheLine) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 9, 8, 4}, "x");
  const auto refused = [](const char* text, const std::function<void()>& f) {
    expect_error(Code::kInvalidArgument, text, f);
  };
  refused("[nn::conv2d_transpose 'up' at conv2d_transpose_test.cc:", [&] { conv2d_transpose(x, {}, "up"); });
  refused("filters must be at least 1; got 0", [&] { conv2d_transpose(x, {}); });
  refused("the kernel is one number or 2 values (rows, columns); got a list of 1",
          [&] { conv2d_transpose(x, {.filters = 1, .kernel = {3}}); });
  refused("strides must be at least 1 each; got 0 x 1", [&] {
    conv2d_transpose(x, {.filters = 1, .strides = {0, 1}});
  });
  refused("dilations must be below 2^31; got 1 x 2147483648", [&] {
    conv2d_transpose(x, {.filters = 1, .dilations = {1, 2147483648}});
  });
  refused("x refers to nothing", [&] { conv2d_transpose(Output(), {.filters = 1}); });
  EXPECT_EQ(conv2d_transpose(x, {.filters = 4, .kernel = 3, .strides = 2}, "one_number").shape(),
            (Shape{-1, 18, 16, 4}));
  refused("padding is kSame or kValid; for kExplicit use the op gradus::conv2d_transpose with explicit_paddings",
          [&] { conv2d_transpose(x, {.filters = 1, .padding = Padding::kExplicit}); });
  refused("output_padding must be 2 values from 0 on, each smaller than its stride; got [2,0] for strides [2,2]", [&] {
    conv2d_transpose(x, {.filters = 1, .strides = {2, 2}, .output_padding = {2, 0}});
  });
  refused("with SAME and an even kernel output_padding must be at least 1, or be left out; got [0,0]", [&] {
    conv2d_transpose(x, {.filters = 1, .kernel = {2, 3}, .strides = {2, 2}, .output_padding = {0, 0}});
  });
  refused("needs images of rank 4, [batch, rows, columns, channels]; got shape [?,72]", [&] {
    conv2d_transpose(reshape(x, {-1, 72}), {.filters = 1});
  });
  refused("the number of channels must be known", [&] {
    conv2d_transpose(placeholder(graph, DType::kFloat32, {-1, 9, 8, -1}), {.filters = 1});
  });
  refused("the result's rows do not fit in int32: 9 with stride 2147483647", [&] {
    conv2d_transpose(x, {.filters = 1, .strides = {2147483647, 1}});
  });
  refused("'up2/kernel' needs an initializer",
          [&] { conv2d_transpose(x, {.filters = 1, .kernel_initializer = nullptr}, "up2"); });
}

}  // namespace
}  // namespace gradus::nn
