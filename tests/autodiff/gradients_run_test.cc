// Values of gradients against derivatives worked out by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/run/session.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"

namespace gradus {
namespace {

TEST(GradientValues, ChainRuleTwice) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {}, "x");
  const Output y = tanh(x * x) + 3.0 * x;
  const Output dy = gradients(y, {x}).at(0);
  const Output d2y = gradients(dy, {x}).at(0);
  Session session(graph, {.num_threads = 1});
  const auto values = session.run({{x, Tensor::scalar(0.5)}}, {y, dy, d2y});
  const double t = std::tanh(0.25), s = 1 - t * t;
  EXPECT_NEAR(values[0].item<double>(), t + 1.5, 1e-15);
  EXPECT_NEAR(values[1].item<double>(), s + 3, 1e-15);              // 2 x s + 3
  EXPECT_NEAR(values[2].item<double>(), 2 * s - 2 * t * s, 1e-14);  // 2 s - 8 x^2 t s
}

TEST(GradientValues, PowersOfAnyOrder) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {}, "x");
  Output y = x * x * x * x;
  Session session(graph, {.num_threads = 1});
  for (const double expected : {32.0, 48.0, 48.0, 24.0}) {  // 4 x^3, 12 x^2, 24 x, 24 at x = 2
    y = gradients(y, {x})[0];
    EXPECT_DOUBLE_EQ(session.run({{x, Tensor::scalar(2.0)}}, {y})[0].item<double>(), expected);
  }
}

TEST(GradientValues, GradYWeighsTheYs) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {2}, "x");
  const Output weights = constant(graph, std::vector<float>{10.0f, 100.0f});
  Session session(graph, {.num_threads = 1});
  const auto values = session.run({{x, Tensor::from<float>({3.0f, 4.0f})}}, {gradients(x * x, {x}, weights)[0]});
  EXPECT_TRUE(bit_equal(values[0], Tensor::from<float>({60.0f, 800.0f})));
}

TEST(GradientValues, BroadcastOperandsGetSums) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {2, 3}, "x"), b = placeholder(graph, DType::kFloat32, {3}, "b");
  const auto grads = gradients(reduce_sum(x * b), {x, b});
  Session session(graph, {.num_threads = 1});
  const auto values =
      session.run({{x, Tensor::from<float>({2, 3}, {1, 2, 3, 4, 5, 6})}, {b, Tensor::from<float>({7.f, 8.f, 9.f})}},
                  {grads[0], grads[1]});
  EXPECT_TRUE(bit_equal(values[0], Tensor::from<float>({2, 3}, {7, 8, 9, 7, 8, 9})));
  EXPECT_TRUE(bit_equal(values[1], Tensor::from<float>({5.f, 7.f, 9.f})));
}

}  // namespace
}  // namespace gradus
