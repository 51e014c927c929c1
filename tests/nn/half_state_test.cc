// The state of optimisers and moving averages beside variables of 16 bits is float32. Expected numbers come from the formulas in
// float64, or from the same training in float64 with the rounded gradients.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <algorithm>
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

class HalfState : public ::testing::TestWithParam<DType> {
 protected:
  const DType half_ = GetParam();
  const std::string name_ = dtype_name(half_);
  const double epsilon_ = machine_epsilon(half_);
  // Steps beside a weight of 1 are made as much longer as its last place is than that of float16.
  const double longer_ = epsilon_ / machine_epsilon(DType::kFloat16);
};
INSTANTIATE_TEST_SUITE_P(, HalfState, ::testing::ValuesIn(kHalves),
                         [](const ::testing::TestParamInfo<DType>& parameter) { return dtype_name(parameter.param); });

// The square of 1e-4, 1e-8, is no float16, nor is epsilon: Adam divided by nothing but it.
TEST_P(HalfState, SmallGradientsDoNotBecomeGiantSteps) {
  const std::vector<double> g = {1e-4, 0, 0, 0, 3e-5, -1e-7, 0, 1e-4, 2e-4, 0};
  const double rate = 1e-3 * longer_;
  const Optimizer optimizers[] = {adam({.learning_rate = rate}), adamw({.learning_rate = rate}),
                                  rms_prop({.learning_rate = rate, .momentum = 0.9}),
                                  momentum({.learning_rate = 10 * longer_}), sgd({.learning_rate = 10 * longer_})};
  for (const char* device : kDevices) {
    for (const Optimizer& optimizer : optimizers) {
      std::vector<double> rounded;  // as the gradients are
      for (const double value : g) rounded.push_back(Tensor::full(half_, {}, value).at(0));
      const auto got = weights(device, half_, optimizer, g);
      const auto exact = weights("ref:0", DType::kFloat64, optimizer, rounded);
      for (std::size_t i = 0; i < g.size(); ++i) {
        // w, near 1, is rounded by half a unit in each step.
        EXPECT_NEAR(got[i], exact[i], static_cast<double>(i + 1) * epsilon_ / 2) << device << " step " << i;
      }
    }
    const double third = weights(device, half_, adam({.learning_rate = rate}), {1e-4, 0, 0})[2];
    EXPECT_NEAR(third, 1 - 0.002 * longer_, 1e-3 * longer_);
  }
}

// A learning rate below 6e-8 is no float16; 1e-8 * 30000 is.
TEST_P(HalfState, TheLearningRateIsFloat32) {
  for (const char* device : kDevices) {
    const std::vector<double> g(10, 50000.0 * longer_);
    const std::vector<double> got = weights(device, half_, sgd({.learning_rate = 1e-8}), g);
    EXPECT_NEAR(got[9], 1 - 10 * 5e-4 * longer_, 5e-3 * longer_);
    EXPECT_LT(got[0], 1);
  }
}

// Adam's mean square of one gradient of 1 and nothing after it is 0.001 * 0.999^n. In 16 bits a thousandth less is rounded away.
TEST_P(HalfState, AMeanSquareFades) {
  for (const char* device : kDevices) {
    Graph graph;
    const Output gradient = placeholder(graph, half_, {1}), w = variable(graph, Tensor::full(half_, {1}, 1), "w");
    const Operation train = adam().apply_gradients({{gradient, w}});
    Session session(graph, {.device = device});
    for (int i = 0; i < 101; ++i) session.run({{gradient, Tensor::full(half_, {1}, i == 0 ? 1 : 0)}}, {}, {train});
    const auto state = session.state();
    const auto slot =
        std::find_if(state.begin(), state.end(), [](const auto& s) { return s.first.ends_with("adam_v"); });
    ASSERT_NE(slot, state.end());
    EXPECT_NEAR(slot->second.at(0), 0.001 * std::pow(0.999, 100), 1e-8) << device;
  }
}

TEST_P(HalfState, SlotsAreFloat32AndOfOtherDTypesTheirOwn) {
  Graph graph;
  const Output w = variable(graph, Tensor::full(half_, {2}, 1), "w");
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
  const Output half = variable(graph, Tensor::full(half_, {2}, 0), "half");
  const Output rate = scalar(graph, 0.1, DType::kFloat32);
  expect_error(
      Code::kInvalidArgument,
      "accum must be float32 and have the variable's shape; got " + name_ + " [2] for variable " + name_ + " [2]",
      [&] { apply_momentum(w, half, rate, half, rate); });
  expect_error(Code::kInvalidArgument, "learning_rate must be a float32 scalar; got " + name_ + " []",
               [&] { apply_gradient_descent(w, scalar(graph, 0.1, half_), half); });
}

// What earlier versions saved beside float16: slots and averages of 16 bits. They are widened, which is exact.
TEST_P(HalfState, ACheckpointWithStateOf16BitsIsRead) {
  Graph graph;
  const Output x = placeholder(graph, half_, {-1, 3}, "x");
  const Output loss = reduce_mean(square(dense(batch_norm(x), {.units = 1})));
  const Operation train = adam().minimize(loss);
  Session session(graph, {.seed = 1});
  session.run({{x, random_normal_tensor(half_, {4, 3}, 1)}}, {}, {train});
  std::map<std::string, Tensor> old = session.state();
  for (auto& [name, value] : old) {
    if (value.dtype() == DType::kFloat32) value = value.cast(half_);
  }
  const std::string directory = std::filesystem::temp_directory_path() / ("gradus_state_of_" + name_);
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
  expect_error(Code::kInvalidArgument, "holds " + name_ + " [3,1]; got float32 [3,1]", [&] { resumed.restore(old); });
}

TEST_P(HalfState, BatchNormKeepsItsParametersInFloat32) {
  Graph graph;
  const Output x = placeholder(graph, half_, {-1, 1}, "x");
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
    const Tensor batch = Tensor::from<double>({2, 1}, {400, 1600}).cast(half_);
    EXPECT_EQ(session.run({{x, batch}}, {y}, updates)[0].dtype(), half_);
    const Tensor variance = session.value(graph.find_output("batch_norm/moving_variance"));
    EXPECT_EQ(variance.dtype(), DType::kFloat32);
    EXPECT_EQ(variance.at(0), 720000);
    EXPECT_EQ(session.value(graph.find_output("batch_norm/moving_mean")).at(0), 1000);
    EXPECT_NEAR(session.run({{x, batch}}, {inference})[0].at(0), -600 / std::sqrt(720000.0), epsilon_);
  }
}

// sum(v^2) / 2 = 4.5e6 is no float16, nor is an l2 of 1e-8; the loss of 4.5 and the gradient of 3e-5 are.
TEST_P(HalfState, Regularisation) {
  Graph graph;
  const Output v = get_variable(graph, "v", half_, {100, 100}, constant(30.0), {.l2 = 1e-6});
  const Output w = get_variable(graph, "w", half_, {1}, constant(30000.0), {.l2 = 1e-8});
  const Output loss = with_regularization(scalar(graph, 0.0, half_));
  const std::vector<Output> d = gradients({loss}, {v, w});
  for (const char* device : kDevices) {
    Session session(graph, {.device = device});
    const auto r = session.run({loss, d[0], d[1]});
    EXPECT_NEAR(r[0].at(0), 9.0, 9 * epsilon_);  // 1e-6 * 1e4 * 900 / 2 + 1e-8 * 9e8 / 2
    EXPECT_NEAR(r[1].at(17), 3e-5, std::max(1e-7, 3e-5 * epsilon_ / 2));
    EXPECT_NEAR(r[2].at(0), 3e-4, std::max(1e-6, 3e-4 * epsilon_));
  }
}

// A thousand averages of 0.001 of the way: in 16 bits the steps end when they are half a unit.
TEST_P(HalfState, MovingAverages) {
  for (const char* device : kDevices) {
    Graph graph;
    const Output v = variable(graph, Tensor::full(half_, {2}, 1), "v");
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
    EXPECT_NEAR(session.value(v).at(0), average, epsilon_);
    ema.swap(session);
    EXPECT_TRUE(bit_equal(session.value(ema.average(v)), exact));
    EXPECT_TRUE(bit_equal(session.value(v), weights));
  }
}

// Which of two inputs is larger, by a network whose weights, activations and gradients have 16 bits.
TEST_P(HalfState, ANetworkLearns) {
  constexpr std::int64_t n = 64;
  Tensor points = random_normal_tensor(half_, {n, 2}, 1), classes(DType::kInt32, {n});
  for (std::int64_t i = 0; i < n; ++i) classes.set(i, points.at({i, 0}) > points.at({i, 1}) ? 1 : 0);
  Graph graph;
  const Output x = placeholder(graph, half_, {-1, 2}, "x"), labels = placeholder(graph, DType::kInt32, {-1}, "labels");
  const Output h = relu(batch_norm(dense(x, {.units = 8}, "hidden")));
  const Output logits = dense(h, {.units = 2}, "logits"), loss = sparse_softmax_loss(labels, logits);
  const Operation train = adam({.learning_rate = 0.05, .clipping = {.by_global_norm = 1}}).minimize(loss);
  for (const char* device : kDevices) {
    Session session(graph, {.device = device, .seed = 3});
    const Feeds feeds{{x, points}, {labels, classes}};
    for (int step = 0; step < 60; ++step) session.run(feeds, {}, {train});
    const auto r = session.run(feeds, {loss, accuracy(labels, logits)});
    EXPECT_EQ(r[0].dtype(), half_);
    EXPECT_LT(r[0].at(0), 0.15) << device;
    EXPECT_GE(r[1].at(0), 0.95) << device;
  }
}

}  // namespace
}  // namespace gradus::nn
