// One number for rows and columns, or both.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

namespace gradus::nn {
namespace {

TEST(Size2, OneNumberMeansBoth) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 11, 13, 2}, "x");
  const auto kernel = [&](const char* name) { return graph.find_output(std::string(name) + "/kernel").shape(); };
  const std::int64_t five = 5;
  conv2d(x, {.filters = 4, .kernel = 5}, "a");
  conv2d(x, {.filters = 4, .kernel = five}, "b");
  conv2d(x, {.filters = 4, .kernel = {five, 2}}, "c");
  conv2d(x, {.filters = 4, .kernel = std::vector<std::int64_t>{1, 2}}, "d");
  EXPECT_EQ(kernel("a"), (Shape{5, 5, 2, 4}));
  EXPECT_EQ(kernel("b"), (Shape{5, 5, 2, 4}));
  EXPECT_EQ(kernel("c"), (Shape{5, 2, 2, 4}));
  EXPECT_EQ(kernel("d"), (Shape{1, 2, 2, 4}));
  // SAME with strides: ceil(11 / 2), ceil(13 / 2) and ceil(13 / 3).
  EXPECT_EQ(conv2d(x, {.filters = 4, .strides = 2}).shape(), (Shape{-1, 6, 7, 4}));
  EXPECT_EQ(conv2d(x, {.filters = 4, .strides = {2, 3}}).shape(), (Shape{-1, 6, 5, 4}));
  // VALID with dilation 2 of 3 taps: 5 pixels wide, 11 - 4 and 13 - 4.
  EXPECT_EQ(conv2d(x, {.filters = 4, .dilations = 2, .padding = Padding::kValid}).shape(), (Shape{-1, 7, 9, 4}));
  EXPECT_EQ(depthwise_conv2d(x, {.kernel = 1, .strides = 3}).shape(), (Shape{-1, 4, 5, 2}));
}

TEST(Size2, PoolingTakesRectangles) {
  Graph graph;
  const Output x = constant(graph, Tensor::from<float>({1, 2, 4, 1}, {1, 2, 3, 4, 5, 6, 7, 8}));
  Session session(graph);
  EXPECT_EQ(max_pool2d(x, {.size = 2}).shape(), (Shape{1, 1, 2, 1}));
  const auto values =
      session.run({max_pool2d(x, {.size = {2, 1}}), avg_pool2d(x, {.size = {1, 4}}),
                   max_pool2d(x, {.size = {2, 2}, .stride = {1, 2}}), max_pool2d(x, {.size = {1, 3}, .stride = 1})});
  EXPECT_TRUE(bit_equal(values[0], Tensor::from<float>({1, 1, 4, 1}, {5, 6, 7, 8})));
  EXPECT_TRUE(bit_equal(values[1], Tensor::from<float>({1, 2, 1, 1}, {2.5F, 6.5F})));
  EXPECT_TRUE(bit_equal(values[2], Tensor::from<float>({1, 1, 2, 1}, {6, 8})));
  EXPECT_TRUE(bit_equal(values[3], Tensor::from<float>({1, 2, 2, 1}, {3, 4, 7, 8})));
}

}  // namespace
}  // namespace gradus::nn
