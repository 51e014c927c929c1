#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/gradus.h"
#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

// x, z, loss, and its first three derivatives by x: sigmoid(x) - z, s (1 - s), s (1 - s) (1 - 2 s), from mpmath with 60 digits.
struct Known {
  double x, z, loss, first, second, third;
};
constexpr Known kKnown[] = {
    {0, 0.25, 0.69314718055994531, 0.25, 0.25, 0.0},
    {1, 1, 0.31326168751822283, -0.26894142136999512, 0.19661193324148185, -0.090857747672948409},
    {1, 0, 1.3132616875182228, 0.73105857863000488, 0.19661193324148185, -0.090857747672948409},
    {-1, 1, 1.3132616875182228, -0.73105857863000488, 0.19661193324148185, 0.090857747672948409},
    {3, 0.75, 0.79858735157374206, 0.20257412682243322, 0.045176659730912133, -0.040891574660943479},
    {15, 1, 3.0590227371372049e-7, -3.0590222692562473e-7, 3.0590213334945229e-7, -3.0590194619716466e-7},
    {-15, 0, 3.0590227371372049e-7, 3.0590222692562473e-7, 3.0590213334945229e-7, 3.0590194619716466e-7},
    {40, 1, 4.248354255291589e-18, -4.248354255291589e-18, 4.248354255291589e-18, -4.2483542552915889e-18},
    {40, 0, 40.0, 1.0, 4.248354255291589e-18, -4.2483542552915889e-18},
    {-40, 0, 4.248354255291589e-18, 4.248354255291589e-18, 4.248354255291589e-18, 4.2483542552915889e-18},
    {-40, 1, 40.0, -1.0, 4.248354255291589e-18, 4.2483542552915889e-18},
    {80, 1, 1.8048513878454152e-35, -1.8048513878454152e-35, 1.8048513878454152e-35, -1.8048513878454152e-35},
    {-80, 0, 1.8048513878454152e-35, 1.8048513878454152e-35, 1.8048513878454152e-35, 1.8048513878454152e-35},
};

// Relative to the value itself, however small.
TEST(SigmoidCrossEntropy, LossAndDerivativesOfThreeOrdersKeepTheirDigitsInTheTails) {
  for (const auto& [dtype, tolerance] : {std::pair{DType::kFloat64, 1e-14}, {DType::kFloat32, 1e-6}}) {
    Graph graph;
    const auto n = static_cast<std::int64_t>(std::size(kKnown));
    Tensor logits(dtype, {n}), labels(dtype, {n});
    for (std::int64_t i = 0; i < n; ++i) {
      logits.set(i, kKnown[i].x);
      labels.set(i, kKnown[i].z);
    }
    const Output x = constant(graph, logits), z = constant(graph, labels);
    const Output loss = sigmoid_cross_entropy_with_logits(z, x);
    const Output first = gradients(loss, {x})[0];
    const Output second = gradients(first, {x})[0];
    const Output third = gradients(second, {x})[0];
    const Output by_label = gradients(loss, {z})[0], mixed = gradients(first, {z})[0];
    for (const char* device : {"cpu:0", "ref:0"}) {
      Session session(graph, {.device = device, .poison_outputs = true});
      const auto r = session.run({loss, first, second, third, by_label, mixed});
      for (std::int64_t i = 0; i < n; ++i) {
        const Known& k = kKnown[i];
        const double expected[] = {k.loss, k.first, k.second, k.third, -k.x, -1.0};
        for (std::size_t order = 0; order < r.size(); ++order)
          EXPECT_NEAR(r[order].at(i), expected[order], tolerance * std::abs(expected[order]))
              << dtype_name(dtype) << " " << device << " x " << k.x << " z " << k.z << " result " << order;
      }
    }
  }
}

// A logit of +-infinity is certainty: right it costs nothing, wrong everything. 0 * infinity counts as 0.
TEST(SigmoidCrossEntropy, InfiniteLogitsAndNaN) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const DType dtype : kDTypes) {
    Graph graph;
    const Output x =
        constant(graph, Tensor::from(std::vector<double>{inf, -inf, inf, -inf, std::nan(""), 0}).cast(dtype));
    const Output z = constant(graph, Tensor::from(std::vector<double>{1, 0, 0, 1, 0, std::nan("")}).cast(dtype));
    const Output loss = sigmoid_cross_entropy_with_logits(z, x), dx = gradients(loss, {x})[0];
    for (const char* device : {"cpu:0", "ref:0"}) {
      const auto r = Session(graph, {.device = device}).run({loss, dx});
      const double losses[] = {0, 0, inf, inf}, slopes[] = {0, 0, 1, -1};
      for (std::int64_t i = 0; i < 4; ++i) {
        EXPECT_EQ(r[0].at(i), losses[i]) << device << i;
        EXPECT_EQ(r[1].at(i), slopes[i]) << device << i;
      }
      for (const std::int64_t i : {4, 5}) EXPECT_TRUE(std::isnan(r[0].at(i)) && std::isnan(r[1].at(i))) << device << i;
    }
  }
}

TEST(SigmoidCrossEntropy, Refusals) {
  Graph graph;
  const auto input = [&](const Shape& shape, DType dtype = DType::kFloat32) {
    return placeholder(graph, dtype, shape);
  };
  const Code invalid = Code::kInvalidArgument;
  expect_error(invalid, "[SigmoidCrossEntropyWithLogits 'loss' at sigmoid_cross_entropy_test.cc:", [&] {
    sigmoid_cross_entropy_with_logits(input({2, 3}), input({2}), "loss");
  });
  expect_error(invalid, "labels and logits must have the same shape; got labels [2,1] and logits [2,3]", [&] {
    sigmoid_cross_entropy_with_logits(input({2, 1}), input({2, 3}));
  });
  expect_error(invalid, "float64", [&] { sigmoid_cross_entropy_with_logits(input({2}, DType::kFloat64), input({2})); });
  expect_error(invalid, "int32",
               [&] { sigmoid_cross_entropy_with_logits(input({2}, DType::kInt32), input({2}, DType::kInt32)); });
}

}  // namespace
}  // namespace gradus
