// Clipping by norms against hand calculation: large, small, zero, infinite.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus::nn {
namespace {

std::vector<double> clipped(const char* device, DType dtype, const std::vector<double>& values, double max_norm,
                            bool flush_subnormals = true) {
  Graph graph;
  std::vector<Output> gradients;  // one tensor per value
  for (const double v : values) gradients.push_back(constant(graph, Tensor::full(dtype, {1}, v)));
  Session session(graph,
                  {.device = device, .flush_subnormals = flush_subnormals, .optimize = false, .poison_outputs = true});
  std::vector<double> result;
  for (const Tensor& t : session.run(clip_by_global_norm(gradients, max_norm))) {
    EXPECT_EQ(t.dtype(), dtype);
    result.push_back(t.at(0));
  }
  return result;
}

void expect_clipped(DType dtype, const std::vector<double>& values, double max_norm,
                    const std::vector<double>& expected, double tolerance) {
  for (const char* device : kDevices) {
    const std::vector<double> got = clipped(device, dtype, values, max_norm);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(got[i], expected[i], tolerance * std::abs(expected[i])) << device << " " << values[i];
    }
  }
}

TEST(Clipping, NoSquareOverflowsOrVanishes) {
  expect_clipped(DType::kFloat32, {3e20, 4e20}, 1, {0.6, 0.8}, 2e-7);
  expect_clipped(DType::kFloat32, {3e-30, 4e-30}, 1e-30, {6e-31, 8e-31}, 2e-7);
  expect_clipped(DType::kFloat32, {2e38, 2e38}, 1, {std::sqrt(0.5), std::sqrt(0.5)}, 2e-7);
  expect_clipped(DType::kFloat64, {3e200, 4e200}, 1, {0.6, 0.8}, 1e-15);
  expect_clipped(DType::kFloat64, {3e-200, 4e-200}, 1e-200, {6e-201, 8e-201}, 1e-15);
  expect_clipped(DType::kFloat16, {30000, 40000}, 1, {0.6, 0.8}, 1e-3);
  expect_clipped(DType::kFloat16, {30000, 40000}, 1e-3, {0.6e-3, 0.8e-3}, 1e-3);
  expect_clipped(DType::kBFloat16, {30000, 40000}, 1e-3, {0.6e-3, 0.8e-3}, 8e-3);
  expect_clipped(DType::kBFloat16, {3e-30, 4e-30}, 1e-30, {6e-31, 8e-31}, 8e-3);
  expect_clipped(DType::kBFloat16, {2e38, 2e38}, 1, {std::sqrt(0.5), std::sqrt(0.5)}, 8e-3);
}

TEST(Clipping, WhatIsShortEnoughKeepsItsBits) {
  for (const DType dtype : kDTypes) {
    const double tiny = dtype == DType::kFloat16 ? 6e-8 : dtype == DType::kBFloat16 ? 1e-40 : 1e-44;
    const double small = Tensor::full(dtype, {}, tiny).at(0), third = Tensor::full(dtype, {}, 1.0 / 3).at(0);
    for (const char* device : kDevices) {
      EXPECT_EQ(clipped(device, dtype, {third, small, -0.0}, 0.7, false), (std::vector<double>{third, small, 0.0}));
      EXPECT_EQ(clipped(device, dtype, {0, 0}, 1e-5), (std::vector<double>{0, 0}));
      EXPECT_EQ(clipped(device, dtype, {third, small}, kInf, false), (std::vector<double>{third, small}));
      EXPECT_EQ(clipped(device, dtype, {third, small}, 1e300, false), (std::vector<double>{third, small}));
    }
  }
}

TEST(Clipping, AnInfiniteOrNaNGradientIsSeenEverywhere) {
  for (const DType dtype : kDTypes) {
    for (const double bad : {kInf, -kInf, static_cast<double>(NAN)}) {
      for (const char* device : kDevices) {
        for (const double v : clipped(device, dtype, {1, bad, 0}, 5)) EXPECT_TRUE(std::isnan(v)) << device << bad << v;
        // No clipping: they are as they were.
        const std::vector<double> same = clipped(device, dtype, {1, bad}, kInf);
        EXPECT_EQ(same[0], 1);
        EXPECT_TRUE(std::isnan(bad) ? std::isnan(same[1]) : same[1] == bad);
      }
    }
  }
  // The ratio to max_norm is no float32: NaN rather than silent zeros.
  for (const char* device : kDevices) EXPECT_TRUE(std::isnan(clipped(device, DType::kFloat32, {1e30}, 1e-20)[0]));
}

TEST(Clipping, TheGlobalNormOfManyTensorsAndDTypes) {
  Graph graph;
  const std::vector<Output> tensors = {constant(graph, Tensor::full(DType::kFloat32, {2, 2}, 1e30)),  // norm 2e30
                                       constant(graph, Tensor::full(DType::kFloat16, {3, 0}, 1)),
                                       constant(graph, std::vector<float>{1e30F, -2e30F})};
  for (const char* device : kDevices) {
    Session session(graph, {.device = device});
    EXPECT_NEAR(session.run({global_norm(tensors)})[0].item<float>(), 3e30, 3e23);
    EXPECT_EQ(global_norm({tensors[0]}).dtype(), DType::kFloat32);
    EXPECT_EQ(global_norm({constant(graph, std::vector<double>{1}), tensors[0]}).dtype(), DType::kFloat64);
  }
}

TEST(Clipping, ByNormShortensRowsOneByOne) {
  Graph graph;
  const Output x = constant(graph, Tensor::from<float>({3, 2}, {3e20F, 4e20F, 0, 0, 0.3F, 0.4F}));
  for (const char* device : kDevices) {
    Session session(graph, {.device = device});
    const auto r = session.run({clip_by_norm(x, 1, {1}), clip_by_norm(x, 10), clip_by_norm(x, kInf)});
    const std::vector<double> rows = {0.6, 0.8, 0, 0, 0.3, 0.4};
    for (std::int64_t i = 0; i < 6; ++i) EXPECT_NEAR(r[0].at(i), rows[static_cast<std::size_t>(i)], 1e-7) << device;
    EXPECT_NEAR(r[1].at(1), 8, 1e-6);
    EXPECT_EQ(r[2].at(1), static_cast<double>(4e20F));
  }
}

// Below max_norm the function is the identity, whose derivative is 1: at zero too.
TEST(Clipping, DerivativesAtZeroBelowAndAbove) {
  for (const char* device : kDevices) {
    for (const DType dtype : kDTypes) {
      Graph graph;
      const Output a = placeholder(graph, dtype, {1}), b = placeholder(graph, dtype, {1});
      const std::vector<Output> c = clip_by_global_norm({a, b}, 2);
      const std::vector<Output> d = gradients({c[0]}, {a, b});
      const auto at = [&](double x, double y) {
        Session session(graph, {.device = device});
        const auto r = session.run({{a, Tensor::full(dtype, {1}, x)}, {b, Tensor::full(dtype, {1}, y)}}, d);
        return std::pair(r[0].at(0), r[1].at(0));
      };
      EXPECT_EQ(at(0, 0), std::pair(1.0, 0.0)) << device << dtype_name(dtype);
      EXPECT_EQ(at(1, 1), std::pair(1.0, 0.0)) << device << dtype_name(dtype);
      // 2 x / |(x, y)| at (3, 4): 2 (1 / 5 - 9 / 125) and -2 * 12 / 125.
      const double tolerance = std::max(1e-3, machine_epsilon(dtype));
      EXPECT_NEAR(at(3, 4).first, 0.256, tolerance);
      EXPECT_NEAR(at(3, 4).second, -0.192, tolerance);
    }
  }
}

TEST(Clipping, HasTheGradientsOfFiniteDifferences) {
  Graph graph;
  const Output a = placeholder(graph, DType::kFloat64, {2, 3}), b = placeholder(graph, DType::kFloat64, {2});
  const Feeds feeds{{a, random_normal_tensor(DType::kFloat64, {2, 3}, 1)}, {b, Tensor::from<double>({0.5, -2})}};
  for (const double max_norm : {1.0, 100.0}) {
    const std::vector<Output> c = clip_by_global_norm({a, b}, max_norm);
    for (const Output& y : {c[0], c[1], global_norm({a, b}), clip_by_norm(a, 0.5, {1})}) {
      const GradientReport report = check_gradients(y, {a, b}, {.order = 2, .feeds = feeds});
      for (const GradientCheck& check : report.checks) {
        EXPECT_EQ(check.verdict, Verdict::kPass) << GradientReport{{check}};
      }
    }
  }
}

TEST(Clipping, OfAnOptimizerByInfinityIsNone) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(1.0F), "v");
  const Operation train =
      sgd({.learning_rate = 1, .clipping = {.by_value = kInf, .by_global_norm = kInf}}).minimize(-v);
  Session session(graph);
  session.run({}, {}, {train});
  EXPECT_EQ(session.value(v).item<float>(), 2.0F);
}

TEST(Clipping, NodesTakeTheLineOfTheCall) {
  Graph graph;
  const Output x = constant(graph, std::vector<float>{1});
  clip_by_norm(x, 1);
  clip_by_global_norm({x, global_norm({x})}, 1);
  for (int id = 0; id < graph.num_nodes(); ++id) {
    EXPECT_NE(graph.node(id).where().find("clipping_test.cc:"), std::string::npos) << graph.node(id).where();
  }
}

TEST(Clipping, SaysWhatIsWrong) {
  Graph graph;
  const Output x = constant(graph, std::vector<float>{1});
  for (const double bad : {0.0, -1.0, static_cast<double>(NAN)}) {
    expect_error(Code::kInvalidArgument, "max_norm must be positive (infinity clips nothing); got",
                 [&] { clip_by_global_norm({x}, bad); });
    expect_error(Code::kInvalidArgument, "[nn::clip_by_norm at clipping_test.cc:", [&] { clip_by_norm(x, bad); });
  }
  expect_error(Code::kInvalidArgument, "needs at least one tensor", [&] { global_norm({}); });
  expect_error(Code::kInvalidArgument, "norms are of floating tensors; got int32", [&] { global_norm({shape(x)}); });
  expect_error(Code::kInvalidArgument, "one of the tensors refers to nothing", [&] {
    clip_by_global_norm({x, Output()}, 1);
  });
  EXPECT_TRUE(clip_by_global_norm({}, 1).empty());
}

}  // namespace
}  // namespace gradus::nn
