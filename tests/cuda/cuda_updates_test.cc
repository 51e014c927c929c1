// Updates of many variables in one kernel, on the emulator: more than one launch takes, of sizes that do and do not fill a block, against
// the CPU and against one kernel per variable.
#include <gradus/gradus.h>
#include <gradus/nn/optimizers.h>
#include <gtest/gtest.h>

#include "tests/cuda_emulator/emulator.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

constexpr int kVariables = 80;

// The sum of (v - target)^2 over variables of 1 to 1500 elements.
struct ManyVariables {
  ManyVariables(const nn::Optimizer& optimizer, DType dtype) {
    std::vector<Output> losses;
    for (int k = 0; k < kVariables; ++k) {
      const auto seed = static_cast<std::uint64_t>(k);
      const Shape shape = {k % 9 == 0 ? 1500 : k + 1};
      const Output v = variable(graph, random_normal_tensor(dtype, shape, seed), "v");
      const Output target = constant(graph, random_normal_tensor(dtype, shape, seed + 1000));
      losses.push_back(reduce_sum(square(v - target)));
    }
    loss = add_n(losses);
    train = optimizer.minimize(loss);
  }
  std::map<std::string, Tensor> trained(const std::string& device, bool optimize) const {
    Session session(graph, {.device = device, .optimize = optimize});
    for (int i = 0; i < 4; ++i) session.run(train);
    if (optimize && device == "cuda:0") {
      kernels = 0;
      for (const PlanReport::Step& step : session.report({}, {}, {train}).steps)
        kernels += step.op.starts_with("Apply");
    }
    return session.state();
  }
  Graph graph;
  Output loss;
  Operation train;
  mutable int kernels = 0;  // of the optimised plan on the GPU
};

void expect_agreement(const nn::Optimizer& optimizer) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kBFloat16}) {
    cuda_emulator::reset();
    const ManyVariables many(optimizer, dtype);
    const auto one_by_one = many.trained("cuda:0", false), together = many.trained("cuda:0", true);
    EXPECT_EQ(many.kernels, 1) << dtype_name(dtype);
    const auto expected = many.trained("cpu:0", true);
    for (const auto& [name, value] : expected) {
      EXPECT_TRUE(bit_equal(together.at(name), one_by_one.at(name))) << name;
      for (std::int64_t i = 0; i < value.num_elements(); ++i) {
        // Gradients are of up to about 10, and what is left of their sums may be small.
        const double scale = std::max(std::abs(value.at(i)), 10.0);
        ASSERT_NEAR(together.at(name).at(i), value.at(i), 8 * machine_epsilon(value.dtype()) * scale) << name;
      }
    }
  }
}

TEST(CudaUpdates, GradientDescent) { expect_agreement(nn::sgd({.learning_rate = 0.05})); }
TEST(CudaUpdates, Momentum) { expect_agreement(nn::momentum({.learning_rate = 0.05, .momentum = 0.9})); }
TEST(CudaUpdates, NesterovMomentum) {
  expect_agreement(nn::momentum({.learning_rate = 0.05, .momentum = 0.9, .nesterov = true}));
}
TEST(CudaUpdates, RmsProp) { expect_agreement(nn::rms_prop({.learning_rate = 0.01, .momentum = 0.5})); }
TEST(CudaUpdates, Adam) { expect_agreement(nn::adam({.learning_rate = 0.01})); }
TEST(CudaUpdates, AdamW) { expect_agreement(nn::adamw({.learning_rate = 0.01, .weight_decay = 0.1})); }

// Updates whose rates are other tensors do not share a launch: here of any two neighbours.
TEST(CudaUpdates, EachVariableHasItsOwnRate) {
  cuda_emulator::reset();
  Graph graph;
  const Output rates[] = {placeholder(graph, DType::kFloat32, {}, "slow"),
                          placeholder(graph, DType::kFloat32, {}, "fast")};
  const Output gradient = constant(graph, Tensor::from<float>({1, 2}));
  std::vector<Output> updated;
  for (int k = 0; k < 6; ++k) {
    const Output v = variable(graph, Tensor::from<float>({10, 20}), "v");
    updated.push_back(apply_gradient_descent(v, rates[k % 2], gradient));
  }
  Session session(graph, {.device = "cuda:0"});
  const Feeds feeds = {{rates[0], Tensor::scalar(0.5F)}, {rates[1], Tensor::scalar(2.0F)}};
  const std::vector<Tensor> values = session.run(feeds, updated);
  for (std::size_t k = 0; k < values.size(); ++k) {
    EXPECT_EQ(values[k].at(0), k % 2 == 0 ? 9.5 : 8.0) << k;
    EXPECT_EQ(values[k].at(1), k % 2 == 0 ? 19.0 : 16.0) << k;
  }
}

}  // namespace
}  // namespace gradus
