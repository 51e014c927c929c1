#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/run/session.h"
#include "gradus/ops/softmax.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

std::vector<Tensor> run_on(const char* device, Graph& graph, const std::vector<Output>& fetches) {
  Session session(graph, {.device = device, .num_threads = 2, .poison_outputs = true});
  return session.run(fetches);
}

void expect_rows(const Tensor& got, const Values& expected, double tolerance = 1e-14) {
  ASSERT_EQ(got.num_elements(), static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(got.at(static_cast<std::int64_t>(i)), expected[i], tolerance) << i;
}

TEST(Softmax, PowersOfLogarithmsAreFractions) {
  Graph graph;
  const Output x = constant(graph, Tensor::from(Shape{2, 3}, Values{0, std::log(2), std::log(3), 5, 5, 5}));
  for (const char* device : kDevices) {
    const auto r = run_on(device, graph, {softmax(x), log_softmax(x)});
    expect_rows(r[0], {1.0 / 6, 1.0 / 3, 1.0 / 2, 1.0 / 3, 1.0 / 3, 1.0 / 3});
    expect_rows(r[1], {-std::log(6), -std::log(3), -std::log(2), -std::log(3), -std::log(3), -std::log(3)});
  }
}

TEST(Softmax, WhatIsFarBelowTheMaximumIsExactlyZero) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    Graph graph;
    Tensor logits = Tensor::full(dtype, {1, 37}, -1e4);  // long enough for vector code
    logits.set(3, 1);
    logits.set(5, -std::numeric_limits<double>::infinity());
    const Output x = constant(graph, logits);
    const Output loss = sparse_softmax_cross_entropy_with_logits(constant(graph, std::vector<std::int32_t>{3}), x);
    for (const char* device : kDevices) {
      const auto r = run_on(device, graph, {softmax(x), loss.node().output(1)});
      for (std::int64_t i = 0; i < 37; ++i) {
        EXPECT_EQ(r[0].at(i), i == 3 ? 1 : 0) << i << " on " << device;
        EXPECT_EQ(r[1].at(i), 0) << i << " on " << device;
      }
    }
  }
}

TEST(Softmax, LargeLogitsNeitherOverflowNorLoseTheLogarithm) {
  Graph graph;
  const Output x = constant(graph, Tensor::from(Shape{1, 2}, std::vector<float>{10000.0f, 9000.0f}));
  for (const char* device : kDevices) {
    const auto r = run_on(device, graph, {softmax(x), log_softmax(x)});
    expect_rows(r[0], {1, 0}, 0);
    expect_rows(r[1], {0, -1000}, 0);
  }
}

TEST(Softmax, NaNFillsItsRowOnly) {
  Graph graph;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> values(10 * 9, 0.0f);
  values[4 * 9 + 3] = nan;
  const Output x = constant(graph, Tensor::from(Shape{10, 9}, values));
  for (const char* device : kDevices) {
    const Tensor y = run_on(device, graph, {softmax(x)})[0];
    for (std::int64_t i = 0; i < 90; ++i) EXPECT_EQ(std::isnan(y.at(i)), i / 9 == 4) << device << " " << i;
  }
}

TEST(CrossEntropy, EqualLogitsCostTheLogarithmOfTheClasses) {
  Graph graph;
  const Output labels = constant(graph, std::vector<std::int32_t>{2, 0});
  const Output logits = constant(graph, Tensor::from(Shape{2, 4}, Values{1, 1, 1, 1, -3, -3, -3, -3}));
  const Output loss = sparse_softmax_cross_entropy_with_logits(labels, logits);
  EXPECT_EQ(loss.shape(), (Shape{2}));
  const Output dx = gradients(loss, {logits}).at(0);
  for (const char* device : kDevices) {
    const auto r = run_on(device, graph, {loss, dx});
    expect_rows(r[0], {std::log(4), std::log(4)});
    expect_rows(r[1], {0.25, 0.25, -0.75, 0.25, -0.75, 0.25, 0.25, 0.25});
  }
}

TEST(CrossEntropy, DenseAndSparseAgreeOnOneHotLabels) {
  Graph graph;
  const Output logits = constant(graph, random_normal_tensor(DType::kFloat64, {3, 5}, 1));
  const Output sparse = constant(graph, std::vector<std::int64_t>{4, 0, 2});
  const Output dense = constant(graph, Tensor::from(Shape{3, 5}, Values{0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0}));
  const Output a = sparse_softmax_cross_entropy_with_logits(sparse, logits);
  const Output b = softmax_cross_entropy_with_logits(dense, logits);
  for (const char* device : kDevices) {
    const auto r = run_on(device, graph, {a, b, gradients(a, {logits}).at(0), gradients(b, {logits}).at(0)});
    EXPECT_LT(max_abs_difference(r[0], r[1]), 1e-14);
    EXPECT_LT(max_abs_difference(r[2], r[3]), 1e-14);
  }
}

// loss = 2 log(e^a + e^b) - (1.5 a + 0.5 b) for labels [1.5, 0.5], at a = b = 0: 2 log 2, gradient [1 - 1.5, 1 - 0.5].
TEST(CrossEntropy, LabelsNeedNotAddUpToOne) {
  Graph graph;
  const Output labels = constant(graph, Tensor::from(Shape{1, 2}, Values{1.5, 0.5}));
  const Output logits = constant(graph, Tensor::from(Shape{1, 2}, Values{0, 0}));
  const Output loss = softmax_cross_entropy_with_logits(labels, logits);
  for (const char* device : kDevices) {
    const auto r = run_on(device, graph, {loss, gradients(loss, {logits}).at(0)});
    expect_rows(r[0], {2 * std::log(2)});
    expect_rows(r[1], {-0.5, 0.5});
  }
}

TEST(CrossEntropy, LabelOutOfRangeNamesRowLabelAndClasses) {
  for (const std::int32_t bad : {10, -1}) {
    Graph graph;
    const Output labels = constant(graph, std::vector<std::int32_t>{0, 9, bad, 77});
    const Output logits = constant(graph, Tensor::zeros(DType::kFloat32, {4, 10}));
    const Output loss = sparse_softmax_cross_entropy_with_logits(labels, logits, "loss");
    for (const char* device : kDevices) {
      const std::string text = "row 2 has label " + std::to_string(bad) + ", but there are 10 classes";
      expect_error(Code::kOutOfRange, text, [&] { run_on(device, graph, {loss}); });
      expect_error(Code::kOutOfRange, "[SparseSoftmaxCrossEntropyWithLogits 'loss' at softmax_test.cc:", [&] {
        run_on(device, graph, {loss});
      });
    }
  }
}

TEST(CrossEntropy, Rejections) {
  Graph graph;
  const Output logits = placeholder(graph, DType::kFloat32, {-1, 10});
  expect_error(Code::kInvalidArgument, "labels must be int32 or int64 class numbers; got float32",
               [&] { sparse_softmax_cross_entropy_with_logits(placeholder(graph, DType::kFloat32, {-1}), logits); });
  expect_error(
      Code::kInvalidArgument,
      "labels must have the shape of logits without its last dimension, [?]; got labels [?,10] and logits [?,10]", [&] {
        sparse_softmax_cross_entropy_with_logits(placeholder(graph, DType::kInt32, {-1, 10}), logits);
      });
  expect_error(Code::kInvalidArgument, "labels and logits must have the same shape; got labels [?,9] and logits [?,10]",
               [&] {
                 softmax_cross_entropy_with_logits(placeholder(graph, DType::kFloat32, {-1, 9}), logits);
               });
  expect_error(Code::kInvalidArgument, "logits must have rank 1 or more",
               [&] { softmax(scalar(graph, 1, DType::kFloat32)); });
  expect_error(Code::kInvalidArgument, "there must be at least one class", [&] {
    sparse_softmax_cross_entropy_with_logits(placeholder(graph, DType::kInt32, {2}),
                                             placeholder(graph, DType::kFloat32, {2, 0}));
  });
}

}  // namespace
}  // namespace gradus
