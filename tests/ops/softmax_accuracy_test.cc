// What softmax and the cross entropies lose where logits are large, or where one class has nearly all. Expected numbers are
// closed forms of small e^-d, exact to the digits shown.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/run/session.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/softmax.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

std::vector<Tensor> run_on(const char* device, const std::vector<Output>& fetches) {
  Session session(fetches[0].graph(), {.device = device, .num_threads = 2, .poison_outputs = true});
  return session.run(fetches);
}

Tensor tensor_of(DType dtype, const Shape& shape, const Values& values) {
  return Tensor::from(shape, values).cast(dtype);
}

// Within `ulps` units of the dtype's last place, relative to each expected value.
void expect_close(const Tensor& got, const Values& expected, double ulps = 4) {
  ASSERT_EQ(got.num_elements(), static_cast<std::int64_t>(expected.size()));
  const double epsilon = got.dtype() == DType::kFloat64 ? 0x1p-52 : 0x1p-23;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(got.at(static_cast<std::int64_t>(i)), expected[i], ulps * epsilon * std::abs(expected[i])) << i;
  }
}

TEST(SoftmaxAccuracy, EqualLogitsHaveTheSameResultsAtAnyHeight) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (const double height : {0.0, 1e2, 1e3, 1e4, 1e6, 1e7, 1e8, 1e12, 1e30, -1e30}) {
      Graph graph;
      const Output x = constant(graph, Tensor::full(dtype, {1, 4}, height));
      const Output sparse = sparse_softmax_cross_entropy_with_logits(constant(graph, std::vector<std::int32_t>{2}), x);
      const Output dense =
          softmax_cross_entropy_with_logits(constant(graph, tensor_of(dtype, Shape{1, 4}, {0, 0.5, 0.5, 0})), x);
      const std::vector<Output> fetches = {
          softmax(x), log_softmax(x), sparse, dense, gradients(sparse, {x})[0], gradients(dense, {x})[0]};
      for (const char* device : kDevices) {
        SCOPED_TRACE(std::string(device) + " " + dtype_name(dtype) + " " + std::to_string(height));
        const auto r = run_on(device, fetches);
        const double log4 = std::log(4.0);
        expect_close(r[0], {0.25, 0.25, 0.25, 0.25}, 0);
        expect_close(r[1], {-log4, -log4, -log4, -log4}, 1);
        expect_close(r[2], {log4}, 1);
        expect_close(r[3], {log4}, 1);
        expect_close(r[4], {0.25, 0.25, -0.75, 0.25}, 0);
        expect_close(r[5], {0.25, -0.25, -0.25, 0.25}, 0);
      }
    }
  }
}

TEST(SoftmaxAccuracy, ALabelOfZeroAtALogitOfMinusInfinityCountsAsZero) {
  for (const DType dtype : kDTypes) {
    Graph graph;
    const Output x = constant(graph, tensor_of(dtype, Shape{3, 3}, {-kInf, 1, 1, 0, -kInf, 0, 2, 2, -kInf}));
    const Output labels = constant(graph, tensor_of(dtype, Shape{3, 3}, {0, 1, 0, 0, 1, 0, 0, 0, 0}));
    const Output loss = softmax_cross_entropy_with_logits(labels, x);
    for (const char* device : kDevices) {
      const auto r = run_on(device, {loss, gradients(loss, {x})[0]});
      EXPECT_NEAR(r[0].at(0), std::log(2.0), std::max(1e-3, machine_epsilon(dtype) / 2))
          << device << " " << dtype_name(dtype);
      EXPECT_EQ(r[0].at(1), kInf) << "no probability where the label is";
      EXPECT_EQ(r[0].at(2), 0) << "a row without labels costs nothing";
      const Values expected = {0, -0.5, 0.5, 0.5, -1, 0.5, 0, 0, 0};
      for (std::int64_t i = 0; i < 9; ++i) EXPECT_EQ(r[1].at(i), expected[static_cast<std::size_t>(i)]) << device << i;
    }
  }
}

// float32's largest numbers apart: their difference is no float32, and counts as -infinity.
TEST(SoftmaxAccuracy, ADifferenceBeyondTheLargestNumberIsNoNaN) {
  Graph graph;
  const Output x = constant(graph, Tensor::from(Shape{1, 2}, std::vector<float>{3e38f, -3e38f}));
  const Output loss =
      softmax_cross_entropy_with_logits(constant(graph, Tensor::from(Shape{1, 2}, std::vector<float>{1, 0})), x);
  for (const char* device : kDevices) EXPECT_EQ(run_on(device, {loss})[0].at(0), 0) << device;
}

// logits {0, -d}: with e = e^-d, loss of class 0 is log1p(e), of class 1 d + log1p(e); p = {1, e} / (1 + e), p0 - 1 = -p1.
TEST(SoftmaxAccuracy, WhatIsLeftBesideOneClassKeepsItsDigits) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (const double d : {1.0, 9.0, 20.0, 40.0, 80.0}) {
      Graph graph;
      const Output x = constant(graph, tensor_of(dtype, Shape{2, 2}, {7, 7 - d, 7, 7 - d}));
      const Output sparse =
          sparse_softmax_cross_entropy_with_logits(constant(graph, std::vector<std::int64_t>{0, 1}), x);
      const Output dense =
          softmax_cross_entropy_with_logits(constant(graph, tensor_of(dtype, Shape{2, 2}, {1, 0, 0, 1})), x);
      const double e = std::exp(-d), p = 1 / (1 + e), q = e / (1 + e), v = p * q;
      // The derivatives of p of class 0 and of log p of class 0, by both logits.
      const Output first = constant(graph, tensor_of(dtype, Shape{2, 2}, {1, 0, 1, 0}));
      const Output dp = gradients(softmax(x), {x}, {first})[0], dlog = gradients(log_softmax(x), {x}, {first})[0];
      // The second derivatives of the losses by the logit of class 0: v, -v.
      const Output d_sparse = gradients(gradients(sparse, {x})[0], {x}, {first})[0];
      const Output d_dense = gradients(gradients(dense, {x})[0], {x}, {first})[0];
      for (const char* device : kDevices) {
        SCOPED_TRACE(std::string(device) + " " + dtype_name(dtype) + " d = " + std::to_string(d));
        const auto r = run_on(device, {sparse, dense, gradients(sparse, {x})[0], gradients(dense, {x})[0],
                                       log_softmax(x), dp, dlog, d_sparse, d_dense});
        expect_close(r[0], {std::log1p(e), d + std::log1p(e)});
        expect_close(r[1], {std::log1p(e), d + std::log1p(e)});
        expect_close(r[2], {-q, q, p, -p});
        expect_close(r[3], {-q, q, p, -p});
        expect_close(r[4], {-std::log1p(e), -d - std::log1p(e), -std::log1p(e), -d - std::log1p(e)});
        expect_close(r[5], {v, -v, v, -v}, 6);
        expect_close(r[6], {q, -q, q, -q});
        expect_close(r[7], {v, -v, v, -v}, 6);
        expect_close(r[8], {v, -v, v, -v}, 6);
      }
    }
  }
}

TEST(SoftmaxAccuracy, InfinityAndNaNFillTheirRow) {
  for (const double odd : {kInf, std::nan("")}) {
    Graph graph;
    const Output x = constant(graph, Tensor::from(Shape{2, 3}, Values{0, odd, 1, 0, 0, 0}));
    const Output loss = sparse_softmax_cross_entropy_with_logits(constant(graph, std::vector<std::int32_t>{0, 0}), x);
    for (const char* device : kDevices) {
      for (const Tensor& t : run_on(device, {softmax(x), log_softmax(x), gradients(loss, {x})[0]})) {
        for (std::int64_t i = 0; i < 6; ++i) EXPECT_EQ(std::isnan(t.at(i)), i < 3) << device << " " << i;
      }
    }
  }
}

// Every number of classes around the blocks of partial sums, against plain sums in float64.
TEST(SoftmaxAccuracy, AnyNumberOfClasses) {
  for (std::int64_t classes = 1; classes < 70; ++classes) {
    Graph graph;
    const Tensor logits = random_normal_tensor(DType::kFloat32, {3, classes}, 11);
    const Output x = constant(graph, logits);
    const Tensor y = run_on("cpu:0", {softmax(x)})[0];
    for (std::int64_t r = 0; r < 3; ++r) {
      double sum = 0;
      for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(logits.at(r * classes + k));
      for (std::int64_t k = 0; k < classes; ++k) {
        const double p = std::exp(logits.at(r * classes + k)) / sum;
        ASSERT_NEAR(y.at(r * classes + k), p, 1e-6 * p) << classes << " classes, " << k;
      }
    }
  }
}

}  // namespace
}  // namespace gradus
