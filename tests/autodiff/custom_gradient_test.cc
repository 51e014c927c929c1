#include "gradus/ops/custom_gradient.h"

#include <gtest/gtest.h>

#include <cmath>

#include "gradus/autodiff/check/check_gradients.h"
#include "gradus/autodiff/gradients.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"

namespace gradus {
namespace {

using Outputs = std::vector<Output>;

// log(1 + e^x), whose derivative by the rules is e^x / (1 + e^x): infinity over infinity for large x.
Output log1p_exp(const Output& x) {
  return custom_gradient(
      {x}, [](const Outputs& in) { return Outputs{log1p(exp(in[0]))}; },
      [](const Outputs& in, const Outputs&, const Outputs& dy) {
        return Outputs{dy[0] * (1.0 - 1.0 / (1.0 + exp(in[0])))};
      })[0];
}

TEST(CustomGradient, TheUsersDerivativeIsUsed) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {}, "x");
  const Output y = log1p_exp(x);
  Session session(graph, {.num_threads = 1});
  const auto values = session.run({{x, Tensor::scalar(1000.0)}}, {gradients(y, {x})[0]});
  EXPECT_DOUBLE_EQ(values[0].item<double>(), 1.0);
}

TEST(CustomGradient, SecondOrderFollowsFromTheUsersOps) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {5}, "x");
  const GradientReport report = check_gradients(log1p_exp(x), {x}, {.order = 3});
  EXPECT_TRUE(report.ok()) << report;
}

TEST(CustomGradient, ABackwardThatUsesItsOutputIsDifferentiatedThroughItself) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {4}, "x");
  // y = e^x, dy/dx = y: all orders are e^x.
  const Output y = custom_gradient(
      {x}, [](const Outputs& in) { return Outputs{exp(in[0])}; },
      [](const Outputs&, const Outputs& out, const Outputs& dy) { return Outputs{dy[0] * out[0]}; })[0];
  const GradientReport report = check_gradients(y, {x}, {.order = 3});
  EXPECT_TRUE(report.ok()) << report;
}

TEST(CustomGradient, SeveralInputsAndResults) {
  Graph graph;
  const Output a = placeholder(graph, DType::kFloat64, {2, 3}, "a"),
               b = placeholder(graph, DType::kFloat64, {2, 3}, "b");
  const Outputs sum_and_product = custom_gradient(
      {a, b},
      [](const Outputs& in) {
        return Outputs{in[0] + in[1], in[0] * in[1]};
      },
      [](const Outputs& in, const Outputs&, const Outputs& grads) {
        return Outputs{grads[0] + grads[1] * in[1], grads[0] + grads[1] * in[0]};
      });
  ASSERT_EQ(sum_and_product.size(), 2u);
  EXPECT_TRUE(check_gradients(sin(sum_and_product[0]) * sum_and_product[1], {a, b}).ok());
  // Only one of the results is used: the other's gradient is zeros.
  EXPECT_TRUE(check_gradients(sum_and_product[1], {a, b}).ok());
}

TEST(CustomGradient, GradientsMayBeReplacedOnPurpose) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {3}, "x");
  // The straight-through estimator: the sign forward, the identity backward.
  const Output y = custom_gradient(
      {x}, [](const Outputs& in) { return Outputs{sign(in[0])}; },
      [](const Outputs&, const Outputs&, const Outputs& dy) { return dy; })[0];
  Session session(graph, {.num_threads = 1});
  const auto values =
      session.run({{x, Tensor::from<float>({-2.0f, 0.5f, 4.0f})}}, {y, gradients(reduce_sum(3.0 * y), {x})[0]});
  EXPECT_TRUE(bit_equal(values[0], Tensor::from<float>({-1.0f, 1.0f, 1.0f})));
  EXPECT_TRUE(bit_equal(values[1], Tensor::from<float>({3.0f, 3.0f, 3.0f})));
}

}  // namespace
}  // namespace gradus
