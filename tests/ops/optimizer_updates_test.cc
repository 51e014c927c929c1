// Every number here follows from the formulas in ops/optimizer_updates.h, by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "gradus/graph/run/session.h"
#include "gradus/ops/optimizer_updates.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

void expect_updated(const Tensor& got, const Values& expected) {
  ASSERT_EQ(got.num_elements(), static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(got.at(static_cast<std::int64_t>(i)), expected[i], 1e-14) << i;
}

struct UpdateGraph {
  Graph graph;
  Output var = slot({1, -2});
  Output grad = constant(graph, Values{4, 1});
  Output slot(const Values& values) { return variable(graph, Tensor::from(values)); }
  Output number(double value) { return scalar(graph, value, DType::kFloat64); }
};

TEST(OptimizerUpdates, GradientDescent) {
  UpdateGraph f;
  const Output update = apply_gradient_descent(f.var, f.number(0.5), f.grad);
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device});
    expect_updated(session.run({update})[0], {-1, -2.5});
    expect_updated(session.run({update})[0], {-3, -3});
    expect_updated(session.value(f.var), {-3, -3});
  }
}

TEST(OptimizerUpdates, MomentumKeepsMovingAlongItsAccumulator) {
  UpdateGraph f;
  const Output accum = f.slot({2, 0});
  const Output update = apply_momentum(f.var, accum, f.number(0.1), f.grad, f.number(0.5));
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device});
    expect_updated(session.run({update})[0], {1 - 0.5, -2 - 0.1});  // accum = 0.5 * 2 + 4 = 5, 1
    expect_updated(session.value(accum), {5, 1});
    session.run({}, {}, {update});
    expect_updated(session.value(accum), {6.5, 1.5});
    expect_updated(session.value(f.var), {0.5 - 0.65, -2.1 - 0.15});
  }
}

TEST(OptimizerUpdates, NesterovLooksAhead) {
  UpdateGraph f;
  const Output accum = f.slot({2, 0});
  const Output update = apply_momentum(f.var, accum, f.number(0.1), f.grad, f.number(0.5), {.use_nesterov = true});
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device});
    expect_updated(session.run({update})[0], {1 - 0.1 * (4 + 0.5 * 5), -2 - 0.1 * (1 + 0.5 * 1)});
    expect_updated(session.value(accum), {5, 1});
  }
}

TEST(OptimizerUpdates, RMSPropDividesByTheRootMeanSquare) {
  UpdateGraph f;
  const Output ms = f.slot({0, 0.25}), mom = f.slot({0, 1});
  const Output update =
      apply_rms_prop(f.var, ms, mom, f.number(0.1), f.grad, f.number(0.5), {.rho = 0.75, .epsilon = 0});
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device});
    // ms = 0.25 * 16 = 4 and 0.75 * 0.25 + 0.25 = 0.4375; mom = 0.1 * 4 / 2 = 0.2 and 0.5 + 0.1 / sqrt(0.4375)
    const double second = 0.5 + 0.1 / std::sqrt(0.4375);
    expect_updated(session.run({update})[0], {0.8, -2 - second});
    expect_updated(session.value(ms), {4, 0.4375});
    expect_updated(session.value(mom), {0.2, second});
  }
}

// With zero slots and any gradient the first corrected step is learning_rate * sign(grad), whatever the betas.
TEST(OptimizerUpdates, AdamsFirstStepHasTheLearningRatesSize) {
  UpdateGraph f;
  const Output m = f.slot({0, 0}), v = f.slot({0, 0});
  const Output step = constant(f.graph, Tensor::scalar(std::int64_t{1}));
  const Output update =
      apply_adam(f.var, m, v, f.number(0.1), f.grad, step, {.beta1 = 0.75, .beta2 = 0.5, .epsilon = 0});
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device});
    expect_updated(session.run({update})[0], {0.9, -2.1});
    expect_updated(session.value(m), {1, 0.25});
    expect_updated(session.value(v), {8, 0.5});
  }
}

TEST(OptimizerUpdates, AdamWTakesTheDecayFromTheWeightNotFromTheGradient) {
  UpdateGraph f;
  const Output m = f.slot({0, 0}), v = f.slot({0, 0});
  const Output step = constant(f.graph, Tensor::scalar(std::int64_t{1}));
  const Output update = apply_adam(f.var, m, v, f.number(0.1), f.grad, step, {.epsilon = 0, .weight_decay = 0.5});
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device});
    expect_updated(session.run({update})[0], {1 - 0.1 * (1 + 0.5), -2 - 0.1 * (1 - 1)});
  }
}

// m = 0.5 * 1 + 0.5 * 4 = 2.5, corrected by 1 - 0.25; v = 0.5 * 2 + 0.5 * 16 = 9, corrected by 1 - 0.25.
TEST(OptimizerUpdates, AdamsSecondStep) {
  UpdateGraph f;
  const Output m = f.slot({1, 0}), v = f.slot({2, 0});
  const Output step = constant(f.graph, Tensor::scalar(std::int64_t{2}));
  const Output update = apply_adam(f.var, m, v, f.number(1), f.grad, step, {.beta1 = 0.5, .beta2 = 0.5, .epsilon = 1});
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device});
    const double first = 1 - (2.5 / 0.75) / (std::sqrt(9 / 0.75) + 1);
    const double second = -2 - (0.5 / 0.75) / (std::sqrt(0.5 / 0.75) + 1);
    expect_updated(session.run({update})[0], {first, second});
  }
}

TEST(OptimizerUpdates, SlotsAreReadBeforeTheyChangeInTheSameRun) {
  UpdateGraph f;
  const Output accum = f.slot({2, 0});
  const Output before = identity(accum);
  const Output update = apply_momentum(f.var, accum, f.number(0.1), f.grad, f.number(0.5));
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device});
    expect_updated(session.run({}, {before}, {update})[0], {2, 0});
    expect_updated(session.value(accum), {5, 1});
  }
}

TEST(OptimizerUpdates, Rejections) {
  UpdateGraph f;
  const Output accum = f.slot({0, 0});
  expect_error(Code::kInvalidArgument, "operand 0 (var) must be a variable; got Constant",
               [&] { apply_gradient_descent(f.grad, f.number(1), f.grad); });
  expect_error(Code::kInvalidArgument, "operand 1 (accum) must be a variable; got Constant",
               [&] { apply_momentum(f.var, f.grad, f.number(1), f.grad, f.number(1)); });
  expect_error(Code::kInvalidArgument, "learning_rate must be a float64 scalar; got float64 [2]",
               [&] { apply_momentum(f.var, accum, f.grad, f.grad, f.number(1)); });
  expect_error(Code::kInvalidArgument,
               "grad must have the variable's dtype and shape; got float64 [3] for variable float64 [2]", [&] {
                 apply_gradient_descent(f.var, f.number(1), constant(f.graph, Values{1, 2, 3}));
               });
  const Output v = f.slot({0, 0});
  expect_error(Code::kInvalidArgument, "step must be an int64 scalar; got float64 []",
               [&] { apply_adam(f.var, accum, v, f.number(1), f.grad, f.number(1)); });
  const Output late =
      apply_adam(f.var, accum, v, f.number(1), f.grad, constant(f.graph, Tensor::scalar(std::int64_t{0})));
  for (const char* device : kDevices) {
    Session session(f.graph, {.device = device});
    expect_error(Code::kInvalidArgument, "step counts from 1; got 0", [&] { session.run({late}); });
  }
}

}  // namespace
}  // namespace gradus
