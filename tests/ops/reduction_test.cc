#include "gradus/ops/reduction.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/autodiff/gradients.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reshape.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

class Reduction : public ::testing::Test {
 protected:
  Output tensor(const Shape& shape, const Values& values) { return constant(graph, Tensor::from(shape, values)); }
  Tensor run(const Output& y, int threads, const Feeds& feeds = {}) {
    Session session(graph, {.device = "cpu:0", .num_threads = threads, .poison_outputs = true});
    return session.run(feeds, {y})[0];
  }
  Graph graph;
};

TEST_F(Reduction, ByHand) {
  const Output x = tensor({2, 3}, {1, 2, 3, 4, 5, -6});
  EXPECT_EQ(elements(run_both(reduce_sum(x))), (Values{9}));
  EXPECT_EQ(elements(run_both(reduce_sum(x, {0}))), (Values{5, 7, -3}));
  EXPECT_EQ(elements(run_both(reduce_sum(x, {1}))), (Values{6, 3}));
  EXPECT_EQ(elements(run_both(reduce_mean(x, {-1}))), (Values{2, 1}));
  EXPECT_EQ(elements(run_both(reduce_max(x, {0}))), (Values{4, 5, 3}));
  EXPECT_EQ(elements(run_both(reduce_min(x))), (Values{-6}));
  EXPECT_EQ(elements(run_both(reduce_prod(x, {1}))), (Values{6, -120}));
  EXPECT_EQ(elements(run_both(l2_loss(x))), (Values{45.5}));
  EXPECT_EQ(reduce_sum(x, {0}, true).shape(), Shape({1, 3}));
  EXPECT_EQ(reduce_sum(placeholder(graph, DType::kFloat32, {-1, 4, 2}), {1}).shape(), Shape({-1, 2}));
}

TEST_F(Reduction, OverNoElements) {
  const Output x = tensor({0, 2}, {});
  EXPECT_EQ(elements(run_both(reduce_sum(x, {0}))), (Values{0, 0}));
  EXPECT_EQ(elements(run_both(reduce_prod(x))), (Values{1}));
  EXPECT_EQ(elements(run_both(reduce_max(x))), (Values{-kInf}));
  EXPECT_EQ(elements(run_both(reduce_min(x))), (Values{kInf}));
  EXPECT_TRUE(std::isnan(run(reduce_mean(x), 1).at(0)));
}

TEST_F(Reduction, NaNIsFoundWhereverItIs) {
  for (const std::int64_t where : {0, 5, 17, 1999}) {
    Tensor t = random_normal_tensor(DType::kFloat32, {2000}, 3);
    t.set(where, std::nan(""));
    const Output x = constant(graph, t);
    for (const Output& y : {reduce_max(x), reduce_min(x), reduce_sum(x), reduce_max(reshape(x, {100, 20}), {0})}) {
      const Tensor value = run(y, 2);
      EXPECT_TRUE(std::isnan(value.at(where % value.num_elements()))) << y.node().op() << " " << where;
    }
  }
}

TEST_F(Reduction, SumsOfManyFloatsAreExactToARounding) {
  // A million times 0.1f: adding up in float32 would give 100958.34.
  const Output x = constant(graph, Tensor::full(DType::kFloat32, {1000, 1000}, 0.1));
  const double exact = 1e6 * static_cast<double>(0.1f);
  EXPECT_NEAR(run(reduce_sum(x), 2).at(0), exact, exact * 1.2e-7);
  EXPECT_NEAR(run(reduce_sum(x, {0}), 2).at(999), exact / 1000, exact / 1000 * 1.2e-7);
  EXPECT_NEAR(run(reduce_mean(x), 2).at(0), 0.1, 1e-8);
}

TEST_F(Reduction, BitsDoNotDependOnTheNumberOfThreads) {
  const Output x = constant(graph, random_normal_tensor(DType::kFloat32, {37, 61, 119}, 5));
  for (const std::vector<std::int64_t>& axes : {std::vector<std::int64_t>{}, {0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}}) {
    const Output y = reduce_sum(x, axes);
    const Tensor one = run(y, 1);
    EXPECT_TRUE(bit_equal(one, run(y, 2)));
    EXPECT_TRUE(bit_equal(one, run(y, 3)));
  }
}

TEST_F(Reduction, TiesOfMaxShareTheGradient) {
  const Output x = tensor({2, 3}, {1, 4, 4, 2, 2, 2});
  const Output dx = gradients(reduce_sum(6.0 * reduce_max(x, {1})), {x})[0];
  const Values expected{0, 3, 3, 2, 2, 2};
  for (std::int64_t i = 0; i < 6; ++i) EXPECT_NEAR(run(dx, 1).at(i), expected[static_cast<std::size_t>(i)], 1e-14);
}

TEST_F(Reduction, ProductsHaveExactGradientsAtZeros) {
  // Rows with no, one and two zeros: d/dx_i is the product of the others.
  const Output x = tensor({3, 3}, {2, 3, 5, 2, 0, 5, 0, 3, 0});
  const Output dx = gradients(reduce_sum(reduce_prod(x, {1})), {x})[0];
  EXPECT_EQ(elements(run_both(dx)), (Values{15, 10, 6, 0, 10, 0, 0, 0, 0}));
  // The second derivative d2 / dx_0 dx_2 of the last row is its remaining factor, 3.
  const Output d2x = gradients(reduce_sum(dx), {x})[0];
  EXPECT_EQ(elements(run_both(d2x)), (Values{8, 7, 5, 5, 7, 2, 3, 0, 3}));
}

TEST_F(Reduction, MeanGradientOfAnUnknownBatch) {
  const Output x = placeholder(graph, DType::kFloat32, {-1, 2});
  const Output dx = gradients(reduce_mean(x), {x})[0];
  EXPECT_EQ(elements(run_both(dx, {{x, Tensor::zeros(DType::kFloat32, {4, 2})}})), Values(8, 0.125));
}

TEST_F(Reduction, SumToShapeUndoesBroadcasting) {
  const Output x = tensor({2, 3}, {1, 2, 3, 4, 5, 6});
  const auto to = [&](const std::vector<std::int32_t>& shape) { return sum_to_shape(x, constant(graph, shape)); };
  EXPECT_EQ(elements(run_both(to({3}))), (Values{5, 7, 9}));
  EXPECT_EQ(elements(run_both(to({2, 1}))), (Values{6, 15}));
  EXPECT_EQ(elements(run_both(to({}))), (Values{21}));
  EXPECT_EQ(elements(run_both(to({2, 3}))), (Values{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(sum_to_shape_of(x, x), x);
}

TEST_F(Reduction, ErrorsNameAxesAndShapes) {
  const Output x = tensor({2, 3}, {1, 2, 3, 4, 5, 6});
  expect_error(Code::kInvalidArgument, "[Sum 's' at reduction_test.cc:", [&] { reduce_sum(x, {2}, false, "s"); });
  expect_error(Code::kInvalidArgument, "axis 2 is outside [-2, 2) of a tensor of rank 2", [&] { reduce_sum(x, {2}); });
  expect_error(Code::kInvalidArgument, "axis 1 is named twice", [&] { reduce_max(x, {1, -1}); });
  expect_error(Code::kInvalidArgument, "x must be float16, bfloat16, float32 or float64; got int32",
               [&] { reduce_mean(shape(x)); });
  expect_error(Code::kInvalidArgument, "shape [2] does not broadcast to x's [2,3]",
               [&] { sum_to_shape(x, constant(graph, std::vector<std::int32_t>{2})); });
}

}  // namespace
}  // namespace gradus
