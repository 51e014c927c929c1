// Training on a GPU, on the emulator, against the CPU: sums are added in another order, so that float32 differs in
// its last digits.
#include <gradus/gradus.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/models.h>
#include <gradus/nn/optimizers.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/cuda_emulator/emulator.h"

namespace gradus {
namespace {

constexpr std::int64_t kBatch = 8;

using Model = std::function<Output(const Output&)>;

void expect_training_like_the_cpus(const Model& model, const Shape& image, int steps) {
#ifdef GRADUS_EMULATOR_TSAN
  GTEST_SKIP() << "each of the kernels runs under ThreadSanitizer in CudaCases; a model would take minutes";
#endif
  cuda_emulator::reset();
  Graph graph;
  const Output images = placeholder(graph, DType::kFloat32, {-1, image[0], image[1], image[2]}, "images");
  const Output labels = placeholder(graph, DType::kInt32, {-1}, "labels");
  const Output loss = nn::sparse_softmax_loss(labels, model(images));
  const Operation train = nn::momentum({.learning_rate = 0.01, .momentum = 0.9}).minimize(loss);
  Session cuda(graph, {.device = "cuda:0", .seed = 3});
  Session cpu(graph, {.device = "cpu:0", .seed = 3});
  for (int step = 0; step < steps; ++step) {
    Tensor classes(DType::kInt32, {kBatch});
    for (std::int64_t i = 0; i < kBatch; ++i) classes.set(i, static_cast<double>((3 * i + step) % 10));
    const Feeds feeds = {{images, random_uniform_tensor(DType::kFloat32, {kBatch, image[0], image[1], image[2]},
                                                        7 + static_cast<std::uint64_t>(step))},
                         {labels, classes}};
    if (step == 0) {
      const std::string plan = cuda.explain(feeds, {loss}, {train});
      EXPECT_EQ(plan.find("cpu:0"), std::string::npos) << plan;
    }
    const float got = cuda.run(feeds, loss, {train}).item<float>(),
                expected = cpu.run(feeds, loss, {train}).item<float>();
    EXPECT_NEAR(got, expected, 1e-4) << "step " << step << " " << cuda_emulator::failure();
  }
  const auto state = cuda.state(), expected = cpu.state();
  ASSERT_EQ(state.size(), expected.size());
  for (const auto& [name, value] : expected) {
    EXPECT_LT(max_abs_difference(state.at(name), value), 1e-4) << name;
  }
}

TEST(CudaTraining, Lenet5) { expect_training_like_the_cpus(nn::model_by_name("lenet5"), {28, 28, 1}, 5); }

// Draws the same mask.
TEST(CudaTraining, Dropout) {
  const Model model = [](const Output& images) {
    const Output h = relu(nn::dense(nn::flatten(images), {.units = 32}));
    return nn::dense(nn::dropout(h, {.rate = 0.5}), {.units = 10});
  };
  expect_training_like_the_cpus(model, {6, 6, 1}, 5);
}

}  // namespace
}  // namespace gradus
