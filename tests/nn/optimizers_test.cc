// Optimisers against the published update formulas, written out as scalar loops in double.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expect_error.h"

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

// The bias is corrected by the number of the variable's own updates: a late first step of Adam is as long as an early one.
TEST(Optimizers, AdamCountsItsOwnUpdatesAndNotThoseOfOthers) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(1.0), "v");
  const Output loss = 0.5 * square(v - 3.0);
  const Operation still = sgd({.learning_rate = 0.0}).minimize(loss);
  const Operation train = adam({.learning_rate = 0.1}).minimize(loss);
  Session session(graph);
  for (int i = 0; i < 50; ++i) session.run({}, {}, {still});
  session.run({}, {}, {train});
  EXPECT_NEAR(session.value(v).item<double>(), 1.1, 1e-8);  // m / (1 - b1) = g, sqrt(v / (1 - b2)) = |g|
}

TEST(Optimizers, TheGlobalNormOfFloat16AndOfMixedDTypes) {
  Graph graph;
  // 300^2 does not fit in float16; the norm is sqrt(300^2 + 400^2) = 500.
  const auto clipped = clip_by_global_norm({constant(graph, Tensor::full(DType::kFloat16, {1}, 300.0)),
                                            constant(graph, Tensor::full(DType::kFloat64, {1}, 400.0))},
                                           5.0);
  EXPECT_EQ(clipped[0].dtype(), DType::kFloat16);
  Session session(graph);
  const auto values = session.run(clipped);
  EXPECT_NEAR(values[0].at(0), 3.0, 3e-3);
  EXPECT_NEAR(values[1].at(0), 4.0, 1e-12);
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
  expect_error(Code::kInvalidArgument, "[minimize 'loss' at optimizers_test.cc:", [&] {
    sgd().minimize(identity(v * constant(graph, std::vector<double>{1, 2}), "loss"));
  });
  expect_error(Code::kInvalidArgument, "the loss refers to nothing", [&] { sgd().minimize(Output()); });
  expect_error(Code::kInvalidArgument,
               "an optimiser updates variables; got [Placeholder 'x' at optimizers_test.cc:", [&] {
                 sgd().minimize(loss, {v, placeholder(graph, DType::kFloat64, {}, "x")});
               });
  expect_error(Code::kInvalidArgument, "no gradient for [Variable 'lonely'", [&] {
    sgd().apply_gradients({{Output(), w}});
  });
  expect_error(Code::kInvalidArgument, "[apply_gradients 'sgd' at optimizers_test.cc:", [&] {
    sgd().apply_gradients({{Output(), w}});
  });
  Graph other;
  expect_error(Code::kInvalidArgument, "the learning rate 'rate' belongs to another graph",
               [&] { sgd({.learning_rate = scalar(other, 0.1, DType::kFloat64, "rate")}).minimize(loss, {v}); });
  Graph empty;
  expect_error(Code::kInvalidArgument, "no trainable variables",
               [&] { sgd().minimize(scalar(empty, 1.0, DType::kFloat64)); });
  EXPECT_THROW(momentum({.momentum = 1.5}), Error);
  EXPECT_THROW(adam({.beta1 = 1.0}), Error);
  (void)w;
}

TEST(Optimizers, TrainOneOfTwoModelsOfAGraph) {
  Graph graph;
  std::vector<Output> images, losses;
  std::vector<std::vector<Output>> weights(2);
  for (const char* name : {"a", "b"}) {
    const NameScope scope(graph, name);
    images.push_back(placeholder(graph, DType::kFloat32, {4, 3}, "images"));
    losses.push_back(reduce_mean(square(dense(batch_norm(images.back()), {.units = 1}))));
  }
  const auto& all = graph.collection(kTrainableVariables);
  for (const Output& variable : all) weights[variable.name().starts_with("b/") ? 1 : 0].push_back(variable);
  const Operation train_b = sgd().minimize(losses[1], weights[1]);
  Session session(graph);
  const auto moving_mean = [&](const std::string& of) {
    return session.value(graph.find_output(of + "/batch_norm/moving_mean")).at(0);
  };
  session.run({{images[1], Tensor::from<float>({4, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})}}, {}, {train_b});
  EXPECT_NE(moving_mean("b"), 0.0) << "its own averages move";
  EXPECT_EQ(moving_mean("a"), 0.0);
}

TEST(Optimizers, RefuseNumbersThatCannotBeMeant) {
  const double nan = std::nan("");
  expect_error(Code::kInvalidArgument, "learning_rate must be finite and not negative; got -0.1",
               [] { sgd({.learning_rate = -0.1}); });
  expect_error(Code::kInvalidArgument, "learning_rate", [&] { adam({.learning_rate = nan}); });
  expect_error(Code::kInvalidArgument, "clipping.by_value", [] { sgd({.clipping = {.by_value = -1.0}}); });
  expect_error(Code::kInvalidArgument, "clipping.by_global_norm", [&] { sgd({.clipping = {.by_global_norm = nan}}); });
  expect_error(Code::kInvalidArgument, "epsilon", [] { adam({.epsilon = -1e-8}); });
  expect_error(Code::kInvalidArgument, "epsilon", [] { rms_prop({.epsilon = -1e-8}); });
  expect_error(Code::kInvalidArgument, "weight_decay", [] { adamw({.weight_decay = -0.1}); });
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
  expect_error(Code::kInvalidArgument, "needs floating variables; 'global_step' is int64 Variable",
               [&] { ExponentialMovingAverage(graph, 0.9, {global_step(graph)}); });
}

}  // namespace
}  // namespace gradus::nn
