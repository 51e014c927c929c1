// Batch normalisation far from zero, where a mean rounded to the dtype is off by a good part of the deviation.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/run/session.h"
#include "gradus/ops/batch_norm.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

// {0, 1, 2, 3} has mean 1.5 and variance 1.25: y = -1.5, -0.5, 0.5, 1.5 over sqrt(1.25).
const double kFar = 1.5 / std::sqrt(1.25), kNear = 0.5 / std::sqrt(1.25);

struct Case {
  DType dtype;
  double centre;
};
const Case kCases[] = {{DType::kFloat32, 1e7},  {DType::kFloat32, -1e7}, {DType::kFloat16, 1024},
                       {DType::kBFloat16, 128}, {DType::kFloat64, 1e15}, {DType::kFloat32, 16777212}};

Tensor batch_around(const Case& c, const Shape& shape) {
  Tensor x(c.dtype, shape);
  for (std::int64_t i = 0; i < x.num_elements(); ++i) x.set(i, c.centre + static_cast<double>(i % 4));
  return x;
}

// The four values in a row of an NCHW channel, or in a column of NHWC.
TEST(BatchNormFarMean, NormalisesByTheExactMean) {
  for (const Case& c : kCases) {
    for (const std::int64_t repeats : {1, 3, 20}) {
      for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
        Graph graph;
        const std::int64_t n = 4 * repeats;
        const bool last = format == DataFormat::kNHWC;
        const Output x = constant(graph, batch_around(c, last ? Shape{n, 1} : Shape{1, 1, 1, n}));
        const Output one = constant(graph, Tensor::full(c.dtype, {1}, 1)),
                     zero = constant(graph, Tensor::zeros(c.dtype, {1}));
        const BatchNormOutputs o = fused_batch_norm(x, one, zero, {.epsilon = 0, .data_format = format});
        for (const char* device : kDevices) {
          Session session(graph, {.device = device, .poison_outputs = true});
          const Tensor y = session.run({o.y})[0];
          const double tolerance = is_half(c.dtype) ? machine_epsilon(c.dtype) : 1e-6;
          for (std::int64_t i = 0; i < n; i += 4) {
            EXPECT_NEAR(y.at(i), -kFar, tolerance) << device << " " << c.centre << " " << i;
            EXPECT_NEAR(y.at(i + 1), -kNear, tolerance);
            EXPECT_NEAR(y.at(i + 2), kNear, tolerance);
            EXPECT_NEAR(y.at(i + 3), kFar, tolerance);
          }
        }
      }
    }
  }
}

// Shifting x changes no gradient: those around `centre` are those around 0, computed in float64.
TEST(BatchNormFarMean, HasTheGradientsOfTheSameBatchAroundZero) {
  const Shape shape{12, 2};
  const Tensor weights =
      random_normal_tensor(DType::kFloat64, shape, 3).cast(DType::kBFloat16);  // exact in float16 too
  const auto run = [&](const char* device, const Case& c) {
    Graph graph;
    Tensor batch(c.dtype, shape);
    for (std::int64_t i = 0; i < batch.num_elements(); ++i) batch.set(i, c.centre + static_cast<double>(i / 2 * 7 % 4));
    const Output x = constant(graph, batch), w = constant(graph, weights.cast(c.dtype));
    const Output scale = constant(graph, Tensor::full(c.dtype, {2}, 1.5));
    const BatchNormOutputs o = fused_batch_norm(x, scale, scale, {.epsilon = 0.25});
    std::vector<Output> d = gradients({o.y}, {x, scale}, {w});
    d.push_back(gradients({d[0]}, {x}, {w})[0]);  // second order
    d.push_back(gradients(
        reduce_sum(cast(o.batch_variance, DType::kFloat64)) + reduce_sum(cast(o.saved_inv_std, DType::kFloat64)),
        {x})[0]);
    Session session(graph, {.device = device, .poison_outputs = true});
    return session.run(d);
  };
  const auto exact = run("ref:0", {DType::kFloat64, 0});
  for (const char* device : kDevices) {
    for (const Case& c : kCases) {
      const auto got = run(device, c);
      const double tolerance = is_half(c.dtype) ? 5 * machine_epsilon(c.dtype) : 3e-6;
      EXPECT_LE(max_abs_difference(got[0], exact[0]), tolerance) << device << " " << c.centre;
      EXPECT_LE(max_abs_difference(got[1], exact[1]), 5 * tolerance) << device << " " << c.centre;
      EXPECT_LE(max_abs_difference(got[2], exact[2]), 10 * tolerance) << device << " " << c.centre;
      EXPECT_LE(max_abs_difference(got[3], exact[3]), tolerance) << device << " " << c.centre;
    }
  }
}

// The first element lies sqrt(n) deviations from the mean, as far as one can.
TEST(BatchNormFarMean, OneFarElementCostsNoAccuracy) {
  constexpr std::int64_t n = 100000;
  Tensor batch = random_normal_tensor(DType::kFloat32, {n, 1}, 1, 5.0, 1e-3);
  batch.set(0, 1e6);
  double mean = 0, squares = 0;
  for (std::int64_t i = 0; i < n; ++i) mean += batch.at(i) / static_cast<double>(n);
  for (std::int64_t i = 0; i < n; ++i) squares += (batch.at(i) - mean) * (batch.at(i) - mean);
  Graph graph;
  const Output x = constant(graph, batch), one = constant(graph, std::vector<float>{1});
  const BatchNormOutputs o = fused_batch_norm(x, one, one);
  Session session(graph, {.device = "cpu:0"});
  const auto r = session.run({o.batch_mean, o.batch_variance});
  EXPECT_NEAR(r[0].at(0), mean, 1e-7 * mean);
  EXPECT_NEAR(r[1].at(0), squares / (n - 1), 1e-7 * squares / (n - 1));
}

TEST(BatchNormFarMean, EqualElementsHaveVarianceZero) {
  for (const double value : {0.1, 1e7 + 1, 3e38, 1e-40}) {
    Graph graph;
    const Output x = constant(graph, Tensor::full(DType::kFloat32, {300, 1}, value));
    const Output one = constant(graph, std::vector<float>{1}), two = constant(graph, std::vector<float>{2});
    const BatchNormOutputs o = fused_batch_norm(x, one, two);
    for (const char* device : kDevices) {
      Session session(graph, {.device = device});
      const auto r = session.run({o.y, o.batch_variance});
      EXPECT_EQ(r[0].at(7), 2) << device << " " << value;
      EXPECT_EQ(r[1].at(0), 0) << device << " " << value;
    }
  }
}

TEST(BatchNormFarMean, InfinityAndNaNStayInTheirChannel) {
  for (const double bad : {kInf, -kInf, std::nan("")}) {
    for (const std::int64_t where : {0, 6}) {
      Graph graph;
      Tensor batch = batch_around({DType::kFloat32, 0}, {8, 2});
      batch.set(where, bad);
      const Output x = constant(graph, batch), ones = constant(graph, std::vector<float>{1, 1});
      const BatchNormOutputs o = fused_batch_norm(x, ones, ones);
      for (const char* device : kDevices) {
        Session session(graph, {.device = device});
        const auto r = session.run({o.y, o.batch_mean});
        EXPECT_TRUE(std::isnan(r[0].at(2))) << device;
        EXPECT_TRUE(std::isfinite(r[0].at(3))) << device;
        EXPECT_TRUE(std::isnan(bad) ? std::isnan(r[1].at(0)) : r[1].at(0) == bad) << device << " " << r[1].at(0);
        EXPECT_EQ(r[1].at(1), 2) << device;  // of 1, 3, 1, 3, ...
      }
    }
  }
}

}  // namespace
}  // namespace gradus
