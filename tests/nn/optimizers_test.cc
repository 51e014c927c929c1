// Optimisers against the published update formulas, written out as scalar loops in double.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus::nn {
namespace {

// loss = (v - 3)^2 / 2 has gradient v - 3. Runs `steps` updates from v = 1 and returns v after each.
std::vector<double> trajectory(const Optimizer& optimizer, int steps) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(1.0), "v");
  const Output loss = 0.5 * square(v - 3.0);
  const Operation train = optimizer.minimize(loss);
  Session session(graph);
  std::vector<double> values;
  for (int i = 0; i < steps; ++i) {
    session.run({}, {}, {train});
    values.push_back(session.value(v).item<double>());
  }
  EXPECT_EQ(session.value(global_step(graph)).item<std::int64_t>(), steps);
  return values;
}

TEST(Optimizers, SgdFollowsTheGradient) {
  double v = 1.0;
  for (const double got : trajectory(sgd({.learning_rate = 0.1}), 5)) {
    v -= 0.1 * (v - 3.0);
    EXPECT_NEAR(got, v, 1e-14);
  }
}

TEST(Optimizers, MomentumAccumulates) {
  for (const bool nesterov : {false, true}) {
    double v = 1.0, a = 0.0;
    for (const double got : trajectory(momentum({.learning_rate = 0.1, .momentum = 0.9, .nesterov = nesterov}), 6)) {
      const double g = v - 3.0;
      a = 0.9 * a + g;
      v -= 0.1 * (nesterov ? g + 0.9 * a : a);
      EXPECT_NEAR(got, v, 1e-14) << nesterov;
    }
  }
}

TEST(Optimizers, RmsPropDividesByTheRootOfTheMeanSquare) {
  double v = 1.0, ms = 0.0, mom = 0.0;
  for (const double got :
       trajectory(rms_prop({.learning_rate = 0.01, .rho = 0.9, .momentum = 0.5, .epsilon = 1e-10}), 6)) {
    const double g = v - 3.0;
    ms = 0.9 * ms + 0.1 * g * g;
    mom = 0.5 * mom + 0.01 * g / std::sqrt(ms + 1e-10);
    v -= mom;
    EXPECT_NEAR(got, v, 1e-13);
  }
}

TEST(Optimizers, AdamCorrectsItsBiasAndAdamWDecaysApart) {
  for (const double decay : {0.0, 0.1}) {
    double v = 1.0, m = 0.0, s = 0.0;
    int t = 0;
    const Optimizer optimizer =
        decay == 0.0 ? adam({.learning_rate = 0.05}) : adamw({.learning_rate = 0.05, .weight_decay = decay});
    for (const double got : trajectory(optimizer, 8)) {
      const double g = v - 3.0;
      ++t;
      m = 0.9 * m + 0.1 * g;
      s = 0.999 * s + 0.001 * g * g;
      v -= 0.05 * ((m / (1 - std::pow(0.9, t))) / (std::sqrt(s / (1 - std::pow(0.999, t))) + 1e-8) + decay * v);
      EXPECT_NEAR(got, v, 1e-12) << t;
    }
  }
}

TEST(Optimizers, ClippingByValueAndByGlobalNorm) {
  EXPECT_NEAR(trajectory(sgd({.learning_rate = 0.1, .clipping = {.by_value = 0.5}}), 1)[0], 1.0 + 0.1 * 0.5, 1e-15);
  Graph graph;
  const std::vector<Output> gradients = {constant(graph, std::vector<double>{3.0, 0.0}),
                                         constant(graph, std::vector<double>{4.0})};
  Session session(graph);
  const auto clipped = session.run(clip_by_global_norm(gradients, 1.0));
  EXPECT_NEAR(clipped[0].at(0), 0.6, 1e-15);
  EXPECT_NEAR(clipped[1].at(0), 0.8, 1e-15);
  const auto untouched = session.run(clip_by_global_norm(gradients, 6.0));
  EXPECT_NEAR(untouched[0].at(0), 3.0, 1e-15);
}

TEST(Optimizers, SayWhatIsWrong) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(1.0), "v");
  const Output w = variable(graph, Tensor::scalar(1.0), "lonely");
  const Output loss = square(v);
  try {
    sgd().minimize(loss);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(
        std::string(error.what()).find("does not depend on the variable [Variable 'lonely' at optimizers_test.cc:"),
        std::string::npos)
        << error.what();
    EXPECT_EQ(error.code(), Code::kInvalidArgument);
  }
  EXPECT_NO_THROW(sgd().minimize(loss, {v}));
  EXPECT_THROW(sgd().minimize(constant(graph, std::vector<double>{1.0, 2.0}) * v, {v}), Error) << "not a scalar";
  EXPECT_THROW(momentum({.momentum = 1.5}), Error);
  EXPECT_THROW(adam({.beta1 = 1.0}), Error);
  (void)w;
}

TEST(Schedules, MatchTheirFormulas) {
  Graph graph;
  const Output step = placeholder(graph, DType::kInt64, {}, "step");
  const std::vector<Output> rates = {
      piecewise_constant(step, {10, 20}, {1.0, 0.1, 0.01}),
      exponential_decay(step, 0.5, 10, 0.9),
      exponential_decay(step, 0.5, 10, 0.9, true),
      cosine_decay(step, 0.2, 40, 0.02),
      linear_warmup(step, scalar(graph, 2.0, DType::kFloat64), 10),
      one_cycle(step,
                {.max_rate = 1.0, .total_steps = 40, .warmup_fraction = 0.25, .divide = 10, .final_divide = 100})};
  Session session(graph);
  for (const std::int64_t s : {0, 5, 9, 10, 15, 20, 39, 40, 100}) {
    const auto got = session.run({{step, Tensor::scalar<std::int64_t>(s)}}, rates);
    const double t = static_cast<double>(s);
    const double pi = std::acos(-1.0);
    EXPECT_EQ(got[0].item<double>(), s < 10 ? 1.0 : s < 20 ? 0.1 : 0.01);
    EXPECT_NEAR(got[1].item<double>(), 0.5 * std::pow(0.9, t / 10), 1e-14);
    EXPECT_NEAR(got[2].item<double>(), 0.5 * std::pow(0.9, std::floor(t / 10)), 1e-14);
    EXPECT_NEAR(got[3].item<double>(), 0.02 + 0.18 * 0.5 * (1 + std::cos(pi * std::min(t / 40, 1.0))), 1e-14);
    EXPECT_NEAR(got[4].item<double>(), 2.0 * std::min(1.0, (t + 1) / 10), 1e-14);
    const double falling = 0.01 + 0.99 * 0.5 * (1 + std::cos(pi * std::min(std::max((t - 10) / 30, 0.0), 1.0)));
    EXPECT_NEAR(got[5].item<double>(), t < 10 ? 0.1 + 0.9 * t / 10 : falling, 1e-14) << s;
  }
  EXPECT_THROW(piecewise_constant(step, {10}, {1.0}), Error);
  EXPECT_THROW(cosine_decay(placeholder(graph, DType::kFloat32, {}), 1.0, 10), Error);
}

TEST(Schedules, AnOptimizerFollowsItsSchedule) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(0.0F), "v");
  const Output rate = piecewise_constant(global_step(graph), {2}, {1.0, 0.1});
  const Operation train = sgd({.learning_rate = rate}).minimize(-v);
  Session session(graph);
  for (int i = 0; i < 4; ++i) session.run({}, {}, {train});
  EXPECT_NEAR(session.value(v).item<float>(), 2.2F, 1e-6F);
}

TEST(MovingAverage, FollowsItsFormulaAndSwaps) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(0.0), "v");
  const Operation train = sgd({.learning_rate = 1.0}).minimize(-v);  // v grows by 1 per step
  const ExponentialMovingAverage ema(graph, 0.9);
  const Operation update = ema.update(train);
  Session session(graph);
  double average = 0.0;
  for (int i = 1; i <= 5; ++i) {
    session.run({}, {}, {update});
    average = 0.9 * average + 0.1 * i;
  }
  EXPECT_NEAR(session.value(ema.average(v)).item<double>(), average, 1e-14);
  ema.swap(session);
  EXPECT_NEAR(session.value(v).item<double>(), average, 1e-14);
  ema.swap(session);
  EXPECT_EQ(session.value(v).item<double>(), 5.0);
  EXPECT_THROW(ema.average(global_step(graph)), Error);
}

}  // namespace
}  // namespace gradus::nn
