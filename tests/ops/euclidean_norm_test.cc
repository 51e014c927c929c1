// Norms of large, small and special elements, by hand; wherever they stand among 100 zeros.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/run/session.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

double norm(const char* device, const Tensor& x, const std::vector<std::int64_t>& axes = {}) {
  Graph graph;
  const Output y = reduce_euclidean_norm(constant(graph, x), axes);
  Session session(
      graph,
      {.device = device, .num_threads = 2, .flush_subnormals = false, .optimize = false, .poison_outputs = true});
  return session.run({y})[0].at(0);
}

// Three elements among zeros, in a row (axis 1) and in a column.
void expect_norm(DType dtype, const std::vector<double>& values, double expected, double tolerance) {
  for (const char* device : kDevices) {
    for (const std::int64_t first : {0, 5, 97}) {
      Tensor row = Tensor::zeros(dtype, {1, 100}), column = Tensor::zeros(dtype, {100, 1});
      for (std::size_t i = 0; i < values.size(); ++i) {
        row.set(first + static_cast<std::int64_t>(i), values[i]);
        column.set(first + static_cast<std::int64_t>(i), values[i]);
      }
      for (const double got : {norm(device, row, {1}), norm(device, column, {0}), norm(device, row)}) {
        if (std::isfinite(expected)) {
          EXPECT_NEAR(got, expected, tolerance * expected) << device << " " << first;
        } else {
          EXPECT_TRUE(std::isnan(expected) ? std::isnan(got) : got == expected) << device << " " << first << " " << got;
        }
      }
    }
  }
}

TEST(EuclideanNorm, OfAnySize) {
  for (const double scale : {1.0, 1e200, 1e-200, 1e307, 1e-307, 0x1p486, 0x1p-511}) {
    expect_norm(DType::kFloat64, {3 * scale, -4 * scale}, 5 * scale, 4e-16);
  }
  expect_norm(DType::kFloat64, {3 * 0x1p-1070, 4 * 0x1p-1070}, 5 * 0x1p-1070, 0);  // subnormal, exact
  for (const double scale : {1.0, 1e20, 1e-30, 5e37}) {
    expect_norm(DType::kFloat32, {3 * scale, -4 * scale}, 5 * scale, 2e-7);
  }
  expect_norm(DType::kFloat16, {300, -400}, 500, 0);
  expect_norm(DType::kFloat16, {3 * 0x1p-24, 4 * 0x1p-24}, 5 * 0x1p-24, 0);
  for (const double scale : {100.0, 0x1p125, 0x1p-133}) {
    expect_norm(DType::kBFloat16, {3 * scale, -4 * scale}, 5 * scale, 0);
  }
}

TEST(EuclideanNorm, OfUnlikeSizes) {
  expect_norm(DType::kFloat64, {1e300, 1, 1e-300}, 1e300, 4e-16);
  expect_norm(DType::kFloat64, {1, 1e-300, 1}, std::sqrt(2.0), 4e-16);
  // On both sides of the borders between the sums.
  expect_norm(DType::kFloat64, {3 * 0x1p486, 4 * 0x1p485}, std::sqrt(13.0) * 0x1p486, 4e-16);
  expect_norm(DType::kFloat64, {0x1p486, 0x1p487}, std::sqrt(5.0) * 0x1p486, 4e-16);
  expect_norm(DType::kFloat64, {0x1p-511, 0x1p-512}, std::sqrt(1.25) * 0x1p-511, 4e-16);
}

TEST(EuclideanNorm, OfInfinityAndNaN) {
  for (const DType dtype : kDTypes) {
    const double large = dtype == DType::kFloat64 ? 1e300 : 6e4;
    expect_norm(dtype, {large, -kInf, 1}, kInf, 0);
    expect_norm(dtype, {large, std::nan(""), 1}, std::nan(""), 0);
    expect_norm(dtype, {kInf, std::nan(""), large}, std::nan(""), 0);
  }
  expect_norm(DType::kFloat32, {3e38, 3e38}, kInf, 0);  // 4.2e38 is no float32
}

// In parts, by several threads: as many elements as make 64 parts.
TEST(EuclideanNorm, OfManyElements) {
  for (const double scale : {1e-200, 1.0, 1e200}) {
    Tensor x(DType::kFloat64, {1500000});
    x.fill(scale);
    EXPECT_NEAR(norm("cpu:0", x) / scale, std::sqrt(1500000.0), 1e-9);
  }
}

TEST(EuclideanNorm, HasTheSlopeZeroAtZero) {
  for (const DType dtype : kDTypes) {
    Graph graph;
    const Output x = constant(graph, Tensor::from<double>({3, 2}, {0, 0, 3, 4, -7, 0}).cast(dtype));
    const Output dx = gradients(reduce_euclidean_norm(x, {1}), {x})[0];
    for (const char* device : kDevices) {
      Session session(graph, {.device = device});
      const Tensor d = session.run({dx})[0];
      const std::vector<double> expected = {0, 0, 0.6, 0.8, -1, 0};
      for (std::int64_t i = 0; i < 6; ++i)
        EXPECT_NEAR(d.at(i), expected[static_cast<std::size_t>(i)], 0.3 * machine_epsilon(dtype) + 1e-7) << device;
    }
  }
  Graph graph;
  expect_error(Code::kInvalidArgument, "x must be float16, bfloat16, float32 or float64; got int32",
               [&] { reduce_euclidean_norm(constant(graph, std::vector<std::int32_t>{1})); });
}

}  // namespace
}  // namespace gradus
