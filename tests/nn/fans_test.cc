// fan_in and fan_out where a weight's shape alone does not tell them: groups, depthwise and transposed convolutions.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/support/expect_error.h"

namespace gradus::nn {
namespace {

// The variance of the values (their mean is 0) of the only trainable variable.
double variance_of_kernel(const std::function<void(Graph&)>& build) {
  Graph graph;
  build(graph);
  const Output kernel = graph.collection(kTrainableVariables).at(0);
  const Tensor t = Session(graph, {.seed = 11}).run({kernel})[0];
  double squares = 0.0;
  for (std::int64_t i = 0; i < t.num_elements(); ++i) squares += t.at(i) * t.at(i);
  return squares / static_cast<double>(t.num_elements());
}

Output images(Graph& graph, std::int64_t channels) { return placeholder(graph, DType::kFloat32, {-1, 8, 8, channels}); }

// Glorot: 2 / (fan_in + fan_out). Within 3% for the thousands of values here.
TEST(Fans, OfGroupsCountTheirOwnFiltersOnly) {
  const auto variance = [](const Initializer& initializer) {
    return variance_of_kernel([&](Graph& graph) {
      conv2d(images(graph, 64), {.filters = 64, .groups = 8, .use_bias = false, .kernel_initializer = initializer});
    });
  };
  // Per group 8 channels in, 8 out: 9 * 8 = 72 both ways.
  EXPECT_NEAR(variance(glorot_uniform()), 2.0 / 144, 0.03 * 2.0 / 144);
  EXPECT_NEAR(variance(glorot_normal()), 2.0 / 144, 0.05 * 2.0 / 144);
  EXPECT_NEAR(variance(he_uniform()), 2.0 / 72, 0.03 * 2.0 / 72);
}

TEST(Fans, OfDepthwiseConvolutions) {
  const double got = variance_of_kernel([](Graph& graph) {
    depthwise_conv2d(images(graph, 128), {.multiplier = 4, .use_bias = false, .kernel_initializer = glorot_uniform()});
  });
  const double expected = 2.0 / (9 + 9 * 4);  // one channel in, 4 out
  EXPECT_NEAR(got, expected, 0.03 * expected);
}

TEST(Fans, OfTransposedConvolutionsCountTheirInputs) {
  const double got = variance_of_kernel([](Graph& graph) {
    conv2d_transpose(images(graph, 16), {.filters = 64, .use_bias = false, .kernel_initializer = he_uniform()});
  });
  const double expected = 2.0 / (9 * 16);
  EXPECT_NEAR(got, expected, 0.03 * expected);
}

// A user's own initialiser may ask for the fans, or not.
TEST(Fans, ReachInitialisersThatTakeThem) {
  Fans seen;
  const Initializer with = [&](Graph& graph, DType dtype, const Shape& shape, const Fans& fans) {
    seen = fans;
    return zeros()(graph, dtype, shape);
  };
  const std::function<Output(Graph&, DType, const Shape&)> without = [](Graph& graph, DType dtype, const Shape& shape) {
    return ones()(graph, dtype, shape);
  };
  Graph graph;
  conv2d(images(graph, 12), {.filters = 6, .kernel = {5, 3}, .groups = 3, .kernel_initializer = with});
  EXPECT_EQ(seen.in, 15 * 4);
  EXPECT_EQ(seen.out, 15 * 2);
  conv2d(images(graph, 12), {.filters = 6, .kernel_initializer = without});
  EXPECT_FALSE(Initializer(std::function<Output(Graph&, DType, const Shape&)>()));
  EXPECT_FALSE(Initializer().with_fans({1, 1}));
  expect_error(Code::kInvalidArgument, "'d/kernel' needs an initializer",
               [&] { depthwise_conv2d(images(graph, 4), {.kernel_initializer = nullptr}, "d"); });
}

}  // namespace
}  // namespace gradus::nn
