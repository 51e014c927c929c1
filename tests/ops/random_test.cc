// Values, moments and distributions of the random ops, at fixed seeds. Bounds are 5 standard errors of what they estimate. The
// generator itself is tested against published answers in tests/core/philox_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "gradus/autodiff/gradients.h"
#include "gradus/core/philox.h"
#include "gradus/graph/run/session.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/random.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

constexpr std::int64_t kSamples = 100000;

std::vector<double> sorted(const Tensor& t) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < t.num_elements(); ++i) values.push_back(t.at(i));
  std::sort(values.begin(), values.end());
  return values;
}

// Kolmogorov and Smirnov: the largest distance between the samples' distribution and `cdf` is below 1.95 / sqrt(n) in 999 of
// 1000 experiments.
template <class Cdf>
void expect_distribution(const Tensor& t, Cdf cdf) {
  const std::vector<double> x = sorted(t);
  const double n = static_cast<double>(x.size());
  double distance = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double below = static_cast<double>(i) / n, p = cdf(x[i]);
    distance = std::max({distance, std::abs(p - below), std::abs(p - below - 1 / n)});
  }
  EXPECT_LT(distance, 1.95 / std::sqrt(n));
}

struct Moments {
  double mean = 0, variance = 0;
  explicit Moments(const Tensor& t) {
    const double n = static_cast<double>(t.num_elements());
    for (std::int64_t i = 0; i < t.num_elements(); ++i) mean += t.at(i) / n;
    for (std::int64_t i = 0; i < t.num_elements(); ++i) variance += (t.at(i) - mean) * (t.at(i) - mean) / n;
  }
};

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

Tensor run_seeded(const Output& y, const char* device = "cpu:0", int threads = 2) {
  Session session(y.graph(), {.device = device, .seed = 11, .num_threads = threads, .poison_outputs = true});
  return session.run({y}).at(0);
}

TEST(Random, UniformFillsItsInterval) {
  Graph graph;
  const Tensor t = run_seeded(random_uniform(graph, {kSamples}, {.low = -2, .high = 6}));
  const auto x = sorted(t);
  EXPECT_GE(x.front(), -2);
  EXPECT_LT(x.back(), 6);
  const Moments m(t);
  const double n = kSamples;
  EXPECT_NEAR(m.mean, 2, 5 * std::sqrt(64.0 / 12 / n));
  EXPECT_NEAR(m.variance, 64.0 / 12,
              5 * std::sqrt((1.0 / 80 - 1.0 / 144) * 4096 / n));  // fourth moment of a uniform: w^4 / 80
  expect_distribution(t, [](double v) { return (v + 2) / 8; });
}

TEST(Random, UniformNeverReachesItsUpperEndEvenIn16Bits) {
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    Graph graph;
    const Tensor t = run_seeded(random_uniform(graph, {kSamples}, {.dtype = dtype}));
    const auto x = sorted(t);
    EXPECT_GE(x.front(), 0);
    EXPECT_LT(x.back(), 1);
  }
}

TEST(Random, NormalHasItsMomentsAndDistribution) {
  Graph graph;
  const Tensor t =
      run_seeded(random_normal(graph, {kSamples / 10, 10}, {.dtype = DType::kFloat64, .mean = 3, .stddev = 2}));
  EXPECT_EQ(t.shape(), (Shape{kSamples / 10, 10}));
  const Moments m(t);
  const double n = kSamples;
  EXPECT_NEAR(m.mean, 3, 5 * 2 / std::sqrt(n));
  EXPECT_NEAR(m.variance, 4, 5 * 4 * std::sqrt(2 / n));
  expect_distribution(t, [](double v) { return normal_cdf((v - 3) / 2); });
}

// Within two standard deviations: variance 1 - 4 phi(2) / (2 Phi(2) - 1) = 0.7737413.
TEST(Random, TruncatedNormalStaysWithinTwoStandardDeviations) {
  Graph graph;
  const Tensor t = run_seeded(truncated_normal(graph, {kSamples}, {.dtype = DType::kFloat64, .mean = 1, .stddev = 3}));
  const auto x = sorted(t);
  EXPECT_GT(x.front(), 1 - 6);
  EXPECT_LT(x.back(), 1 + 6);
  const Moments m(t);
  const double n = kSamples;
  EXPECT_NEAR(m.mean, 1, 5 * 3 * std::sqrt(0.7737413 / n));
  EXPECT_NEAR(m.variance, 9 * 0.7737413, 5 * 9 * std::sqrt(2 / n));
  expect_distribution(
      t, [](double v) { return (normal_cdf((v - 1) / 3) - normal_cdf(-2)) / (normal_cdf(2) - normal_cdf(-2)); });
}

TEST(Random, SameSeedSameBitsOnEveryDeviceAndNumberOfThreads) {
  Graph graph;
  const Output x = constant(graph, random_normal_tensor(DType::kFloat32, {50001}, 1));
  for (const Output& y : {random_uniform(graph, {50001}), random_normal(graph, {50001}),
                          truncated_normal(graph, {50001}), dropout(x, 0.3)}) {
    const Tensor reference = run_seeded(y, "ref:0");
    for (const int threads : {1, 2, 3}) EXPECT_TRUE(bit_equal(run_seeded(y, "cpu:0", threads), reference)) << y.name();
  }
}

// Each element by the definition, from the stream of its seed and of the first run. The counts are on both sides of what is drawn at once.
TEST(Random, ElementsAreFunctionsOfTheStreamAndTheirPlace) {
  const PhiloxStream stream(mix64(7), 1);
  const auto at = [](std::int64_t i) { return static_cast<std::uint64_t>(i); };
  for (const std::int64_t n : {0, 1, 63, 64, 65, 4095, 4097, 9000}) {
    Graph graph;
    const RandomNormalAttrs attrs{.dtype = DType::kFloat64, .mean = 0.3, .stddev = 1.7, .seed = 7};
    const Tensor uniform =
        run_seeded(random_uniform(graph, {n}, {.dtype = DType::kFloat64, .low = -0.3, .high = 1.1, .seed = 7}));
    const Tensor normal = run_seeded(random_normal(graph, {n}, attrs));
    const Tensor truncated = run_seeded(truncated_normal(graph, {n}, attrs));
    for (std::int64_t i = 0; i < n; ++i) {
      ASSERT_EQ(uniform.at(i), -0.3 + (1.1 - -0.3) * stream.uniform(at(i))) << i << " of " << n;
      ASSERT_EQ(normal.at(i), 0.3 + 1.7 * stream.normal(at(i))) << i << " of " << n;
      double z = stream.normal(at(i));
      for (std::uint64_t attempt = 1; std::abs(z) >= 2; ++attempt) z = stream.normal(at(i) + (attempt << 48));
      ASSERT_EQ(truncated.at(i), 0.3 + 1.7 * z) << i << " of " << n;
    }
  }
}

TEST(Random, SeedsNodesAndRunsGiveDifferentValues) {
  Graph graph;
  const Output a = random_normal(graph, {8}), b = random_normal(graph, {8});
  const Output fixed = random_normal(graph, {8}, {.seed = 5}), twin = random_normal(graph, {8}, {.seed = 5});
  Session one(graph, {.seed = 1}), again(graph, {.seed = 1}), two(graph, {.seed = 2});
  const auto first = one.run({a, b, fixed, twin}), second = one.run({a, b, fixed, twin}),
             other = two.run({a, b, fixed, twin});
  EXPECT_TRUE(bit_equal(first[0], again.run({a, b, fixed, twin})[0]));
  EXPECT_FALSE(bit_equal(first[0], first[1]));
  EXPECT_FALSE(bit_equal(first[0], second[0]));
  EXPECT_FALSE(bit_equal(first[0], other[0]));
  EXPECT_TRUE(bit_equal(first[2], first[3]));
  EXPECT_TRUE(bit_equal(first[2], other[2]));
  EXPECT_FALSE(bit_equal(first[2], second[2]));
}

TEST(Random, ShapeMayBeAnOperandOfTheRun) {
  Graph graph;
  const Output shape = placeholder(graph, DType::kInt32, {2});
  const Output y = random_uniform(shape);
  EXPECT_EQ(y.shape(), (Shape{-1, -1}));
  Session session(graph);
  EXPECT_EQ(session.run({{shape, Tensor::from(std::vector<std::int32_t>{3, 4})}}, {y})[0].shape(), (Shape{3, 4}));
}

TEST(Dropout, KeepsTheExpectedValueAndZeroesTheRate) {
  Graph graph;
  const Output x = constant(graph, Tensor::full(DType::kFloat64, {kSamples}, 3));
  const Tensor y = run_seeded(dropout(x, 0.25));
  std::int64_t dropped = 0;
  for (std::int64_t i = 0; i < kSamples; ++i) {
    if (y.at(i) == 0) {
      ++dropped;
    } else {
      ASSERT_DOUBLE_EQ(y.at(i), 4);
    }
  }
  EXPECT_NEAR(static_cast<double>(dropped), 0.25 * kSamples, 5 * std::sqrt(0.25 * 0.75 * kSamples));
}

TEST(Dropout, GradientUsesTheSameMask) {
  Graph graph;
  const Output x = constant(graph, Tensor::full(DType::kFloat32, {1000}, 1));
  const Output y = dropout(x, 0.5);
  const Output dx = gradients(y, {x}).at(0);
  Session session(graph, {.seed = 4});
  for (int run = 0; run < 3; ++run) {
    const auto values = session.run({y, dx});
    EXPECT_TRUE(bit_equal(values[0], values[1]));  // x = 1, so y is the mask
  }
}

TEST(Random, Rejections) {
  Graph graph;
  expect_error(Code::kInvalidArgument, "low must be below high, a finite distance away; got 1 and 1",
               [&] { random_uniform(graph, {2}, {.low = 1, .high = 1}); });
  for (const double low : {-HUGE_VAL, -1.5e308, std::nan("")}) {
    expect_error(Code::kInvalidArgument, "a finite distance away",
                 [&] { random_uniform(graph, {2}, {.low = low, .high = 1.5e308}); });
  }
  expect_error(Code::kInvalidArgument, "mean and stddev must be finite, stddev at least 0; got 0 and -1",
               [&] { random_normal(graph, {2}, {.stddev = -1}); });
  expect_error(Code::kInvalidArgument, "must be finite", [&] { random_normal(graph, {2}, {.stddev = HUGE_VAL}); });
  expect_error(Code::kInvalidArgument, "must be finite", [&] { truncated_normal(graph, {2}, {.mean = std::nan("")}); });
  expect_error(Code::kInvalidArgument, "dtype must be floating; got int32",
               [&] { truncated_normal(graph, {2}, {.dtype = DType::kInt32}); });
  expect_error(Code::kInvalidArgument,
               "[RandomUniform 'r' at random_test.cc:", [&] { random_uniform(graph, {-2}, {}, "r"); });
  const Output x = placeholder(graph, DType::kFloat32, {2});
  for (const double rate : {-0.1, 1.0, std::nan("")}) {
    expect_error(Code::kInvalidArgument, "rate must be in [0, 1)", [&] { dropout(x, rate); });
  }
}

}  // namespace
}  // namespace gradus
