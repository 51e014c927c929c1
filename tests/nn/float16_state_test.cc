// The state of optimisers and moving averages beside float16 variables is float32. Expected numbers come from the formulas in
// float64, or from the same training in float64 with the float16 gradients.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus::nn {
namespace {

// w after each step of gradients `g`, from 1.
std::vector<double> weights(const char* device, DType dtype, const Optimizer& optimizer, const std::vector<double>& g) {
  Graph graph;
  const Output gradient = placeholder(graph, dtype, {1}), w = variable(graph, Tensor::full(dtype, {1}, 1), "w");
  const Operation train = optimizer.apply_gradients({{gradient, w}});
  Session session(graph, {.device = device});
  std::vector<double> values;
  for (const double value : g) {
    session.run({{gradient, Tensor::full(dtype, {1}, value)}}, {}, {train});
    values.push_back(session.value(w).at(0));
  }
  return values;
}

// The square of 1e-4, 1e-8, is no float16, nor is epsilon: Adam divided by nothing but it.
TEST(Float16State, SmallGradientsDoNotBecomeGiantSteps) {
  const std::vector<double> g = {1e-4, 0, 0, 0, 3e-5, -1e-7, 0, 1e-4, 2e-4, 0};
  const Optimizer optimizers[] = {adam({.learning_rate = 1e-3}), adamw({.learning_rate = 1e-3}),
                                  rms_prop({.learning_rate = 1e-3, .momentum = 0.9}), momentum({.learning_rate = 10}),
                                  sgd({.learning_rate = 10})};
  for (const char* device : kDevices) {
    for (const Optimizer& optimizer : optimizers) {
      std::vector<double> rounded;  // as the float16 gradients are
      for (const double value : g) rounded.push_back(Tensor::full(DType::kFloat16, {}, value).at(0));
      const auto got = weights(device, DType::kFloat16, optimizer, g);
      const auto exact = weights("ref:0", DType::kFloat64, optimizer, rounded);
      for (std::size_t i = 0; i < g.size(); ++i) {
        // w is rounded to half of 2^-10 in each step.
        EXPECT_NEAR(got[i], exact[i], static_cast<double>(i + 1) / 2048) << device << " step " << i;
      }
    }
    EXPECT_NEAR(weights(device, DType::kFloat16, adam({.learning_rate = 1e-3}), {1e-4, 0, 0})[2], 0.998, 1e-3);
  }
}

// A learning rate below 6e-8 is no float16; 1e-8 * 30000 is.
TEST(Float16State, TheLearningRateIsFloat32) {
  for (const char* device : kDevices) {
    EXPECT_NEAR(weights(device, DType::kFloat16, sgd({.learning_rate = 1e-8}), std::vector<double>(10, 50000.0))[9],
                1 - 10 * 5e-4, 5e-3);
    EXPECT_LT(weights(device, DType::kFloat16, sgd({.learning_rate = 1e-8}), {50000.0})[0], 1);
  }
}

TEST(Float16State, SlotsAreFloat32AndOfOtherDTypesTheirOwn) {
  Graph graph;
  const Output w = variable(graph, Tensor::full(DType::kFloat16, {2}, 1), "w");
  const Output d = variable(graph, Tensor::full(DType::kFloat64, {2}, 1), "d");
  const Output loss = reduce_sum(cast(square(w), DType::kFloat64)) + reduce_sum(square(d));
  for (const Optimizer& optimizer : {adam(), momentum(), rms_prop()}) optimizer.minimize(loss);
  Session session(graph);
  int slots = 0;
  for (const auto& [name, value] : session.state()) {
    if (name.find("/w/") != std::string::npos && value.shape().rank() == 1) {
      EXPECT_EQ(value.dtype(), DType::kFloat32) << name;
      ++slots;
    }
    if (name.find("/d/") != std::string::npos && value.shape().rank() == 1) {
      EXPECT_EQ(value.dtype(), DType::kFloat64) << name;
    }
  }
  EXPECT_EQ(slots, 5) << "adam_m, adam_v, momentum, mean_square, momentum";
  const Output half = variable(graph, Tensor::full(DType::kFloat16, {2}, 0), "half");
  const Output rate = scalar(graph, 0.1, DType::kFloat32);
  expect_error(Code::kInvalidArgument,
               "accum must be float32 and have the variable's shape; got float16 [2] for variable float16 [2]",
               [&] { apply_momentum(w, half, rate, half, rate); });
  expect_error(Code::kInvalidArgument, "learning_rate must be a float32 scalar; got float16 []",
               [&] { apply_gradient_descent(w, scalar(graph, 0.1, DType::kFloat16), half); });
}

// What earlier versions saved: float16 slots and averages. They are widened, which is exact.
TEST(Float16State, ACheckpointWithFloat16StateIsRead) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat16, {-1, 3}, "x");
  const Output loss = reduce_mean(square(dense(batch_norm(x), {.units = 1})));
  const Operation train = adam().minimize(loss);
  Session session(graph, {.seed = 1});
  session.run({{x, random_normal_tensor(DType::kFloat16, {4, 3}, 1)}}, {}, {train});
  std::map<std::string, Tensor> old = session.state();
  for (auto& [name, value] : old) {
    if (value.dtype() == DType::kFloat32) value = value.cast(DType::kFloat16);
  }
  const std::string directory = std::filesystem::temp_directory_path() / "gradus_float16_state";
  std::filesystem::remove_all(directory);
  io::Checkpoint checkpoint;
  checkpoint.tensors = old;
  io::save_checkpoint(directory, checkpoint);
  Session resumed(graph, {.seed = 2});
  resumed.restore(io::load_latest_checkpoint(directory)->tensors);
  std::filesystem::remove_all(directory);
  for (const auto& [name, value] : resumed.state()) {
    EXPECT_EQ(max_abs_difference(value, old.at(name)), 0) << name;
    EXPECT_EQ(value.dtype(), session.state().at(name).dtype()) << name;
  }
  // The other way would lose digits.
  old.at("dense/kernel") = old.at("dense/kernel").cast(DType::kFloat32);
  expect_error(Code::kInvalidArgument, "holds float16 [3,1]; got float32 [3,1]", [&] { resumed.restore(old); });
}

TEST(Float16State, BatchNormKeepsItsParametersInFloat32) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat16, {-1, 1}, "x");
  const Output y = batch_norm(x, {.momentum = 0.0, .epsilon = 0});
  Output inference;
  {
    const ReuseVariables reuse(graph);
    inference = batch_norm(x, {.training = false, .epsilon = 0});
  }
  std::vector<Operation> updates;
  for (const Output& update : graph.collection(kUpdateOps)) updates.emplace_back(update);
  for (const char* device : kDevices) {
    Session session(graph, {.device = device});
    // 1000 +- 600: the variance (unbiased: 720000) is no float16.
    const Tensor batch = Tensor::from<double>({2, 1}, {400, 1600}).cast(DType::kFloat16);
    EXPECT_EQ(session.run({{x, batch}}, {y}, updates)[0].dtype(), DType::kFloat16);
    const Tensor variance = session.value(graph.find_output("batch_norm/moving_variance"));
    EXPECT_EQ(variance.dtype(), DType::kFloat32);
    EXPECT_EQ(variance.at(0), 720000);
    EXPECT_EQ(session.value(graph.find_output("batch_norm/moving_mean")).at(0), 1000);
    EXPECT_NEAR(session.run({{x, batch}}, {inference})[0].at(0), -600 / std::sqrt(720000.0), 1e-3);
  }
}

// sum(v^2) / 2 = 4.5e6 is no float16, nor is an l2 of 1e-8; the loss of 4.5 and the gradient of 3e-5 are.
TEST(Float16State, RegularisationOfFloat16Weights) {
  Graph graph;
  const Output v = get_variable(graph, "v", DType::kFloat16, {100, 100}, constant(30.0), {.l2 = 1e-6});
  const Output w = get_variable(graph, "w", DType::kFloat16, {1}, constant(30000.0), {.l2 = 1e-8});
  const Output loss = with_regularization(scalar(graph, 0.0, DType::kFloat16));
  const std::vector<Output> d = gradients({loss}, {v, w});
  for (const char* device : kDevices) {
    Session session(graph, {.device = device});
    const auto r = session.run({loss, d[0], d[1]});
    EXPECT_NEAR(r[0].at(0), 9.0, 0.01);  // 1e-6 * 1e4 * 900 / 2 + 1e-8 * 9e8 / 2
    EXPECT_NEAR(r[1].at(17), 3e-5, 1e-7);
    EXPECT_NEAR(r[2].at(0), 3e-4, 1e-6);
  }
}

// A thousand averages of 0.001 of the way: in float16 the steps end when they are half a unit.
TEST(Float16State, MovingAveragesOfFloat16Weights) {
  for (const char* device : kDevices) {
    Graph graph;
    const Output v = variable(graph, Tensor::full(DType::kFloat16, {2}, 1), "v");
    const Operation to_two = sgd({.learning_rate = 1}).apply_gradients({{2.0 * (v - 2.0), v}});  // 1, 3, 1, 3, ...
    const ExponentialMovingAverage ema(graph, 0.999);
    const Operation update = ema.update(to_two);
    Session session(graph, {.device = device});
    double average = 1, weight = 1;
    for (int i = 0; i < 1000; ++i) {
      session.run({}, {}, {update});
      weight = 4 - weight;
      average = 0.999 * average + 0.001 * weight;
    }
    const Tensor exact = session.value(ema.average(v)), weights = session.value(v);
    EXPECT_EQ(exact.dtype(), DType::kFloat32);
    EXPECT_NEAR(exact.at(0), average, 1e-4) << device;
    ema.swap(session);
    EXPECT_NEAR(session.value(v).at(0), average, 1.0 / 1024);
    ema.swap(session);
    EXPECT_TRUE(bit_equal(session.value(ema.average(v)), exact));
    EXPECT_TRUE(bit_equal(session.value(v), weights));
  }
}

}  // namespace
}  // namespace gradus::nn
