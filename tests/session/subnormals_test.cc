// SessionOptions::flush_subnormals: on cpu:0 subnormal numbers count as 0, unless they are wanted.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "gradus/core/error.h"

namespace gradus {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)
constexpr double kLeastNormal = 0x1p-126;

class Subnormals : public ::testing::Test {
 protected:
  double halved(const SessionOptions& options, std::int64_t count, double x) {
    Tensor values(DType::kFloat32, {count});
    for (std::int64_t i = 0; i < count; ++i) values.set(i, x);
    const Tensor got = Session(graph, options).run({{fed, values}}, {half})[0];
    for (std::int64_t i = 1; i < count; ++i) EXPECT_EQ(got.at(i), got.at(0)) << i;  // in whatever thread
    return got.at(0);
  }

  Graph graph;
  const Output fed = placeholder(graph, DType::kFloat32, {-1}, "x");
  const Output half = fed * 0.5f;
};

TEST_F(Subnormals, AreZeroOnTheCpu) {
  for (const std::int64_t count : {1, 7, 300'000}) {
    EXPECT_EQ(halved({.device = "cpu:0", .num_threads = 3}, count, kLeastNormal), 0);
    EXPECT_EQ(halved({.device = "cpu:0", .num_threads = 3}, count, 2 * kLeastNormal), kLeastNormal);
  }
}

// Also where a result is none, and where a library looks at an operand's bits.
TEST_F(Subnormals, AreZeroAsOperands) {
  const Output tiny = placeholder(graph, DType::kFloat32, {40}, "tiny");
  const std::vector<Output> results = {tiny * 0x1p60f, pow(tiny, 0.5f), pow(tiny, -0.25f), log(tiny), 1.0f / tiny};
  Session flushed(graph, {.device = "cpu:0"}), kept(graph, {.device = "cpu:0", .flush_subnormals = false});
  const Feeds feeds{{tiny, Tensor::full(DType::kFloat32, {40}, 0x1p-127)}};
  const std::vector<Tensor> got = flushed.run(feeds, results), exact = kept.run(feeds, results);
  const double at_zero[] = {0, 0, INFINITY, -INFINITY, INFINITY};
  for (std::size_t i = 0; i < results.size(); ++i) {
    for (std::int64_t k = 0; k < 40; ++k) EXPECT_EQ(got[i].at(k), at_zero[i]) << i << " " << k;
    EXPECT_NE(exact[i].at(0), at_zero[i]) << i;
  }
}

TEST_F(Subnormals, AreKeptWhereTheyAreWanted) {
  for (const std::int64_t count : {1, 7, 300'000})
    EXPECT_EQ(halved({.device = "cpu:0", .num_threads = 3, .flush_subnormals = false}, count, kLeastNormal),
              kLeastNormal / 2);
  EXPECT_EQ(halved({.device = "ref:0"}, 7, kLeastNormal), kLeastNormal / 2);
}

// Folded when the plan is made, or computed in every run: the same.
TEST_F(Subnormals, AreZeroInFoldedConstants) {
  const Output folded = constant(graph, std::vector<float>{0x1p-126f}) * 0.5f;
  for (const bool optimize : {true, false}) {
    EXPECT_EQ(Session(graph, {.device = "cpu:0", .optimize = optimize}).run({folded})[0].at(0), 0);
    EXPECT_EQ(
        Session(graph, {.device = "cpu:0", .flush_subnormals = false, .optimize = optimize}).run({folded})[0].at(0),
        kLeastNormal / 2);
  }
}

TEST_F(Subnormals, AreKeptByTheCallersOwnArithmetic) {
  Session session(graph, {.device = "cpu:0"});
  const Output labels = placeholder(graph, DType::kInt32, {1}, "labels");
  const Output loss =
      sparse_softmax_cross_entropy_with_logits(labels, reshape(constant(graph, std::vector<float>{1, 2}), {1, 2}));
  volatile float x = 0x1p-126f;
  session.run({{fed, Tensor::from<float>({1})}}, {half});
  EXPECT_EQ(x * 0.5f, 0x1p-127f);
  EXPECT_THROW(session.run({{labels, Tensor::from<std::int32_t>({5})}}, {loss}), Error);  // from within a kernel
  EXPECT_EQ(x * 0.5f, 0x1p-127f);
}

// 0.9^n of a gradient that stays away: from step 830 on it is no normal number, and rounding keeps it above 0 for ever.
TEST_F(Subnormals, MomentumOfAWeightWithoutGradientEndsAtZero) {
  const auto scalar = [&](float value) { return constant(graph, value); };
  const Output weight = variable(graph, Tensor::from<float>({1}), "weight"),
               slot = variable(graph, Tensor::from<float>({0}), "slot");
  const Output train = apply_momentum(weight, slot, scalar(0.1f), fed, scalar(0.9f));
  for (const bool flush : {true, false}) {
    Session session(graph, {.device = "cpu:0", .flush_subnormals = flush});
    for (int step = 0; step < 1200; ++step)
      session.run({{fed, Tensor::from<float>({step == 0 ? 1.0f : 0.0f})}}, {train});
    EXPECT_EQ(session.value(slot).at(0) == 0, flush) << session.value(slot).at(0);
  }
}
#endif

}  // namespace
}  // namespace gradus
