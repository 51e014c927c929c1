// Counts, sums and statistics of tensors of 16 bits: none of them may be of 16 bits on the way. Expected numbers are the formulas',
// or the same graph in float64.
#include <gtest/gtest.h>

#include <cmath>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/run/session.h"
#include "gradus/ops/batch_norm.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

// Both backends' values of `y`, which must be within a relative `tolerance` of each expected one. Elements that are not listed are
// not looked at.
void expect_near(const Output& y, const Feeds& feeds, const std::vector<double>& expected, double tolerance) {
  for (const char* device : kDevices) {
    Session session(y.graph(), {.device = device, .poison_outputs = true});
    const Tensor value = session.run(feeds, {y})[0];
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(value.at(static_cast<std::int64_t>(i)), expected[i], tolerance * std::abs(expected[i]))
          << device << " element " << i;
    }
  }
}

class Accumulation : public ::testing::TestWithParam<DType> {
 protected:
  const DType half_ = GetParam();
  const double rounding_ = machine_epsilon(half_) / 2;  // of a result, relative
};
INSTANTIATE_TEST_SUITE_P(, Accumulation, ::testing::ValuesIn(kHalves),
                         [](const ::testing::TestParamInfo<DType>& parameter) { return dtype_name(parameter.param); });

// 70000 ties: the count is no float16.
TEST_P(Accumulation, TiesOfMaxAndMinAreCountedInFloat32) {
  for (const bool known : {true, false}) {
    Graph graph;
    const Output x = placeholder(graph, half_, {known ? 70000 : -1});
    const Feeds feeds{{x, Tensor::full(half_, {70000}, 1)}};
    expect_near(gradients(reduce_max(x) * 1024.0, {x})[0], feeds, {1024.0 / 70000, 1024.0 / 70000}, rounding_);
    expect_near(gradients(reduce_min(x) * 1024.0, {x})[0], feeds, {1024.0 / 70000, 1024.0 / 70000}, rounding_);
  }
}

// 1 / 1e6 has three bits in float16, 32768 / 1e6 = 0.0328 all eleven.
TEST_P(Accumulation, TheMeansGradientIsDividedInFloat32) {
  constexpr std::int64_t n = 1000000;
  for (const bool known : {true, false}) {
    Graph graph;
    const Output x = placeholder(graph, half_, {known ? n : -1});
    const Output dx = gradients(reduce_mean(x) * 32768.0, {x})[0];
    expect_near(dx, {{x, Tensor::full(half_, {n}, 1)}}, {32768.0 / n}, rounding_);
  }
}

TEST_P(Accumulation, BatchNormsStatisticsHaveTheRightSlopes) {
  constexpr std::int64_t n = 70000;
  Graph graph;
  const Output x = placeholder(graph, half_, {-1, 1});
  const Output one = constant(graph, Tensor::full(half_, {1}, 1));
  const BatchNormOutputs o = fused_batch_norm(x, one, one, {.epsilon = 1e-3});
  Tensor batch(half_, {n, 1});
  for (std::int64_t i = 0; i < n; ++i) batch.set(i, i % 5 == 0 ? 3 : 1);  // mean 1.4
  const Feeds feeds{{x, batch}};
  expect_near(gradients(o.batch_mean * 32768.0, {x})[0], feeds, {32768.0 / n}, rounding_);
  // d variance / dx_i = 2 (x_i - mean) / (n - 1)
  expect_near(gradients(o.batch_variance * 32768.0, {x})[0], feeds,
              {32768.0 * 2 * 1.6 / (n - 1), 32768.0 * 2 * -0.4 / (n - 1)}, 4 * rounding_);
}

// Sums over a batch of what is differentiated twice; in float16 they were infinite from 60000 elements on.
TEST_P(Accumulation, BatchNormsSecondOrderOfALargeBatch) {
  for (const std::int64_t n : {60000, 65536}) {
    std::vector<std::vector<double>> firsts;
    for (const DType dtype : {DType::kFloat64, half_}) {
      for (const DType parameters : {half_, DType::kFloat32}) {
        Graph graph;
        const Output x = placeholder(graph, dtype, {-1, 1}), w = placeholder(graph, dtype, {-1, 1});
        const DType own = dtype == DType::kFloat64 ? dtype : parameters;
        const Output scale = constant(graph, Tensor::full(own, {1}, 1));
        const BatchNormOutputs o = fused_batch_norm(x, scale, scale, {.epsilon = 1e-3});
        const Output dx = gradients(reduce_sum(cast(o.y * w, DType::kFloat64)), {x})[0];
        const Output wide = cast(dx, DType::kFloat64);
        const std::vector<Output> second = gradients(reduce_sum(wide * wide), {x, scale});
        Tensor batch(dtype, {n, 1});
        for (std::int64_t i = 0; i < n; ++i) batch.set(i, static_cast<double>(i % 5));
        const Tensor weights = random_normal_tensor(DType::kFloat64, {n, 1}, 1).cast(half_).cast(dtype);
        for (const char* device : kDevices) {
          Session session(graph, {.device = device});
          const auto r = session.run({{x, batch}, {w, weights}}, second);
          firsts.push_back({r[0].at(0), r[0].at(1), r[0].at(n - 1)});
          if (own != half_) firsts.back().push_back(r[1].at(0) / static_cast<double>(n));
        }
      }
    }
    const std::vector<double>& exact = firsts[0];
    for (std::size_t run = 1; run < firsts.size(); ++run) {
      for (std::size_t i = 0; i < firsts[run].size(); ++i) {
        EXPECT_NEAR(firsts[run][i], exact[i], 20 * machine_epsilon(half_) * std::abs(exact[i]) + 1e-3)
            << n << " run " << run << " " << i;
      }
    }
  }
}

TEST_P(Accumulation, ParametersOfABatchNormMayBeFloat32) {
  Graph graph;
  // 1000 +- 600: the variance, 360000, is no float16.
  const Output x = constant(graph, Tensor::from<double>({2, 1}, {400, 1600}).cast(half_));
  const Output scale = constant(graph, std::vector<float>{1}), offset = constant(graph, std::vector<float>{0});
  const BatchNormOutputs o = fused_batch_norm(x, scale, offset, {.epsilon = 0});
  EXPECT_EQ(o.y.dtype(), half_);
  EXPECT_EQ(o.batch_variance.dtype(), DType::kFloat32);
  expect_near(o.batch_variance, {}, {720000}, 1e-6);  // 2 * 600^2 / (2 - 1)
  expect_near(o.saved_inv_std, {}, {1.0 / 600}, 1e-6);
  expect_near(o.y, {}, {-1, 1}, rounding_);
  const std::vector<Output> d = gradients({o.y}, {scale, offset, x}, {x});
  EXPECT_EQ(d[0].dtype(), DType::kFloat32);
  EXPECT_EQ(d[2].dtype(), half_);
  expect_near(d[0], {}, {1200}, 1e-6);
  expect_near(d[1], {}, {2000}, 1e-6);
  const Output wide = placeholder(graph, DType::kFloat64, {1});
  expect_error(Code::kInvalidArgument,
               std::string("what has one number per channel must have x's dtype or float32; got x ") +
                   dtype_name(half_) + " and float64",
               [&] { fused_batch_norm(x, wide, wide); });
  const Output narrow = placeholder(graph, half_, {1});
  expect_error(
      Code::kInvalidArgument,
      std::string("what has one number per channel must have x's dtype; got x float32 and ") + dtype_name(half_), [&] {
        fused_batch_norm(placeholder(graph, DType::kFloat32, {2, 1}), narrow, narrow);
      });
}

}  // namespace
}  // namespace gradus
