#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/run/session.h"
#include "gradus/ops/batch_norm.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

void expect_values(const Tensor& got, const Values& expected, double tolerance = 1e-14) {
  ASSERT_EQ(got.num_elements(), static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(got.at(static_cast<std::int64_t>(i)), expected[i], tolerance) << i;
}

struct Fixture {
  Graph graph;
  // Channel 0: 1, 3 (mean 2, variance 1, unbiased 2); channel 1: 10, 16 (mean 13, variance 9, unbiased 18).
  Output x = constant(graph, Tensor::from(Shape{2, 1, 1, 2}, Values{1, 10, 3, 16}));
  Output scale = constant(graph, Values{1, 2});
  Output offset = constant(graph, Values{0, 5});
};

TEST(BatchNorm, TrainingUsesTheBatchItself) {
  Fixture f;
  const BatchNormOutputs o = fused_batch_norm(f.x, f.scale, f.offset, {.epsilon = 0});
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device, .poison_outputs = true});
    const auto r = session.run({o.y, o.batch_mean, o.batch_variance, o.saved_mean, o.saved_inv_std});
    expect_values(r[0], {-1, 3, 1, 7});
    expect_values(r[1], {2, 13});
    expect_values(r[2], {2, 18});
    expect_values(r[3], {2, 13});
    expect_values(r[4], {1, 1.0 / 3});
  }
}

TEST(BatchNorm, AnEmptyBatchHasNoStatistics) {
  Graph graph;
  const Output x = constant(graph, Tensor::zeros(DType::kFloat64, {0, 2})), scale = constant(graph, Values{1, 2});
  const BatchNormOutputs o = fused_batch_norm(x, scale, scale);
  for (const char* device : kDevices) {
    Session session(graph, {.device = device, .poison_outputs = true});
    const auto r = session.run({o.y, o.batch_mean, o.batch_variance});
    EXPECT_EQ(r[0].shape(), (Shape{0, 2}));
    EXPECT_TRUE(std::isnan(r[1].at(0)) && std::isnan(r[2].at(0))) << device << " " << r[1] << r[2];
  }
}

TEST(BatchNorm, InferenceUsesTheGivenStatistics) {
  Fixture f;
  const Output mean = constant(f.graph, Values{1, 10}), variance = constant(f.graph, Values{3, 8});
  const BatchNormOutputs o =
      fused_batch_norm(f.x, f.scale, f.offset, mean, variance, {.epsilon = 1, .is_training = false});
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device, .poison_outputs = true});
    const auto r = session.run({o.y, o.batch_mean, o.batch_variance, o.saved_inv_std});
    expect_values(r[0], {0, 5, 1, 9});  // (3 - 1) / 2 * 1 + 0, (16 - 10) / 3 * 2 + 5
    expect_values(r[1], {1, 10});
    expect_values(r[2], {3, 8});
    expect_values(r[3], {0.5, 1.0 / 3});
  }
}

TEST(BatchNorm, InferenceGradientsDoNotDependOnX) {
  for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
    Graph graph;
    const Output x = constant(graph, Tensor::full(DType::kFloat64, {1, 2, 2, 2}, INFINITY));
    const Output dy = constant(graph, Tensor::full(DType::kFloat64, {1, 2, 2, 2}, 3));
    const Output twos = constant(graph, Values{2, 2});
    const Output dx =
        fused_batch_norm_grad(dy, x, twos, twos, twos, {.is_training = false, .data_format = format}).x_backprop;
    for (const char* device : kDevices) {
      Session session(graph, {.device = device, .poison_outputs = true});
      expect_values(session.run({dx})[0], Values(8, 12));  // 3 * scale 2 * inv_std 2
    }
  }
}

TEST(BatchNorm, LayoutsAgree) {
  Fixture f;
  // The same two channels, of two pixels each, as one NCHW image.
  const Output nchw = constant(f.graph, Tensor::from(Shape{1, 2, 1, 2}, Values{1, 3, 10, 16}));
  const BatchNormOutputs o =
      fused_batch_norm(nchw, f.scale, f.offset, {.epsilon = 0, .data_format = DataFormat::kNCHW});
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device});
    expect_values(session.run({o.y})[0], {-1, 1, 3, 7});
  }
}

// h = +-1 for two elements per channel, so anything added to x in proportion to 1 or to h leaves y as it is: dx = 0.
TEST(BatchNorm, TwoElementsPerChannelGiveNoGradientToX) {
  Fixture f;
  const Output dy = constant(f.graph, Tensor::from(Shape{2, 1, 1, 2}, Values{1, 2, 3, 5}));
  const BatchNormOutputs o = fused_batch_norm(f.x, f.scale, f.offset, {.epsilon = 0});
  const std::vector<Output> d = gradients({o.y}, {f.x, f.scale, f.offset}, {dy});
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device, .poison_outputs = true});
    const auto r = session.run(d);
    expect_values(r[0], {0, 0, 0, 0});
    expect_values(r[1], {2, 3});  // 3 - 1, 5 - 2
    expect_values(r[2], {4, 7});
  }
}

TEST(BatchNorm, FarFromZeroTheVarianceStaysAccurate) {
  Graph graph;
  // 10000 +- 1 in float32: variance 1 exactly; E[x^2] - E[x]^2 in float32 would be off by 8.
  std::vector<float> values(4096);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = i % 2 == 0 ? 9999.0f : 10001.0f;
  const Output x = constant(graph, Tensor::from(Shape{4096, 1}, values));
  const Output one = constant(graph, std::vector<float>{1}), zero = constant(graph, std::vector<float>{0});
  const BatchNormOutputs o = fused_batch_norm(x, one, zero, {.epsilon = 0});
  for (const char* device : kDevices) {
    Session session(graph, {.device = device});
    const auto r = session.run({o.saved_inv_std, o.y});
    EXPECT_NEAR(r[0].at(0), 1, 1e-6);
    EXPECT_NEAR(r[1].at(17), 1, 1e-6);
  }
}

// y may take the memory of x, and x_backprop that of y_backprop or x, where nobody else needs them.
TEST(BatchNorm, InPlaceTheBitsAreTheSame) {
  const Shape shape{32, 8, 24, 8};  // more than one part and chunk in either layout
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
      for (const bool is_training : {true, false}) {
        Graph graph;
        const auto random = [&](const Shape& of, std::uint64_t seed) {
          return variable(graph, random_normal_tensor(dtype, of, seed));
        };
        const Output x = random(shape, 1), dy = random(shape, 2), scale = random({8}, 3),
                     positive = exp(random({8}, 4));
        const BatchNormAttrs attrs{.is_training = is_training, .data_format = format};
        const auto dx = [&](const Output& of_dy, const Output& of_x) {
          return fused_batch_norm_grad(of_dy, of_x, scale, scale, positive, attrs).x_backprop;
        };
        const auto norm = [&](const Output& of) {
          return fused_batch_norm(of, scale, scale, scale, positive, attrs).y;
        };
        const Output own_shortcut = -x;  // read until y is written where all three are one step: y lies elsewhere
        const std::vector<Output> results{-norm(-x),           relu(norm(-x)),
                                          relu(norm(-x) + dy), relu(norm(own_shortcut) + own_shortcut),
                                          -dx(-dy, x),         -dx(dy, -x)};
        for (const Output& y : results) {
          for (const char* device : kDevices) {
            SCOPED_TRACE(std::to_string(&y - results.data()) + " on " + device);
            Session session(graph, {.device = device}), apart(graph, {.device = device, .optimize = false});
            EXPECT_TRUE(bit_equal(session.run(y), apart.run(y)));
            const std::size_t bytes = static_cast<std::size_t>(y.shape().num_elements()) * dtype_size(dtype);
            if (&y != &results[3]) {
              EXPECT_LT(session.arena_bytes(), 2 * bytes);
            }
          }
        }
      }
    }
  }
}

TEST(BatchNorm, SameBitsForEveryNumberOfThreads) {
  for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
    Graph graph;
    const Output x = constant(graph, random_normal_tensor(DType::kFloat32, {16, 24, 15, 24}, 1));
    const Output scale = constant(graph, random_normal_tensor(DType::kFloat32, {24}, 2));
    const BatchNormOutputs o = fused_batch_norm(x, scale, scale, {.data_format = format});
    const std::vector<Output> d = gradients({o.y}, {x, scale}, {x});
    std::vector<Tensor> first;
    for (const int threads : {1, 2, 3}) {
      Session session(graph, {.device = "cpu:0", .num_threads = threads});
      const std::vector<Tensor> values = session.run({o.y, o.batch_variance, d[0], d[1]});
      if (first.empty()) first = values;
      for (std::size_t i = 0; i < values.size(); ++i)
        EXPECT_TRUE(bit_equal(values[i], first[i])) << i << " " << threads;
    }
  }
}

TEST(BatchNorm, Rejections) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 4, 4, 3});
  const Output three = placeholder(graph, DType::kFloat32, {3}), four = placeholder(graph, DType::kFloat32, {4});
  expect_error(Code::kInvalidArgument, "scale has 4 elements but there are 3 channels: x [?,4,4,3] NHWC",
               [&] { fused_batch_norm(x, four, three); });
  expect_error(Code::kInvalidArgument, "offset has 3 elements but there are 4 channels: x [?,4,4,3] NCHW",
               [&] { fused_batch_norm(x, four, three, {.data_format = DataFormat::kNCHW}); });
  expect_error(Code::kInvalidArgument, "epsilon must not be negative",
               [&] { fused_batch_norm(x, three, three, {.epsilon = -1}); });
  expect_error(Code::kInvalidArgument, "rank 2 or more", [&] { fused_batch_norm(three, three, three); });
  expect_error(Code::kInvalidArgument, "unless attrs.is_training",
               [&] { fused_batch_norm(x, three, three, {.is_training = false}); });
}

}  // namespace
}  // namespace gradus
