// Two GPUs in one process, on the emulator: a graph's parts on cuda:0 and cuda:1 compute what one device computes, and what goes from one to
// the other does not go by way of the host.
#include <gradus/gradus.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/optimizers.h>
#include <gtest/gtest.h>

#include "tests/cuda_emulator/emulator.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

// Two layers, each where `devices` says; the gradients and updates follow.
struct TwoLayers {
  TwoLayers(const std::string& first, const std::string& second) {
    x = placeholder(graph, DType::kFloat32, {5, 4}, "x");
    labels = placeholder(graph, DType::kInt32, {5}, "labels");
    Output h;
    {
      const DeviceScope on(graph, first);
      h = relu(nn::dense(x, {.units = 7}));
    }
    const DeviceScope on(graph, second);
    loss = nn::sparse_softmax_loss(labels, nn::dense(h, {.units = 3}));
    train = nn::momentum({.learning_rate = 0.1, .momentum = 0.9}).minimize(loss);
  }
  std::vector<double> losses(int steps) {
    Session session(graph, {.device = "cpu:0", .seed = 4});
    const Feeds feeds = {{x, random_normal_tensor(DType::kFloat32, {5, 4}, 1)},
                         {labels, Tensor::from<std::int32_t>({0, 1, 2, 1, 0})}};
    std::vector<double> result;
    for (int i = 0; i < steps; ++i) result.push_back(session.run(feeds, loss, {train}).at(0));
    plan = session.explain(feeds, {loss}, {train});
    return result;
  }
  Graph graph;
  Output x, labels, loss;
  Operation train;
  std::string plan;
};

TEST(TwoCudaDevices, TrainTogether) {
  cuda_emulator::reset();
  const std::vector<double> expected = TwoLayers("cuda:0", "cuda:0").losses(6);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    cuda_emulator::reset({.devices = 2, .seed = seed});
    TwoLayers both("cuda:0", "cuda:1");
    EXPECT_EQ(both.losses(6), expected) << "seed " << seed << " " << cuda_emulator::failure();
    EXPECT_NE(both.plan.find("cuda:1"), std::string::npos);
    EXPECT_NE(both.plan.find("one recording of cuda:1"), std::string::npos) << both.plan;
  }
}

// Values that go there and back, in a loop of assignments: each copy waits for what was computed, and is read before it is written again.
TEST(TwoCudaDevices, WaitForEachOther) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    cuda_emulator::reset({.devices = 2, .seed = seed});
    Graph graph;
    Tensor zeros(DType::kFloat32, {100});
    for (float& zero : zeros.flat<float>()) zero = 0;
    Output on_first, on_second;
    {
      const DeviceScope on(graph, "cuda:0");
      on_first = variable(graph, zeros, "first");
    }
    {
      const DeviceScope on(graph, "cuda:1");
      on_second = variable(graph, zeros, "second");
    }
    Output passed = on_first;
    for (int i = 0; i < 6; ++i) {
      const DeviceScope on(graph, i % 2 == 0 ? "cuda:1" : "cuda:0");
      passed = passed + constant(graph, Tensor::scalar(1.0F));
    }
    const Output next = assign(on_first, passed), other = assign_add(on_second, next);
    Session session(graph, {.device = "cuda:0"});
    for (int i = 0; i < 5; ++i) session.run({}, std::vector<Output>{}, {next, other});
    EXPECT_EQ(session.value(on_first).at(99), 30.0) << "seed " << seed << " " << cuda_emulator::failure();
    EXPECT_EQ(session.value(on_second).at(99), 6.0 + 12 + 18 + 24 + 30) << "seed " << seed;
  }
}

TEST(TwoCudaDevices, ADeviceThatIsNotThereIsSaid) {
  cuda_emulator::reset({.devices = 2});
  Graph graph;
  const DeviceScope on(graph, "cuda:2");
  const Output y = square(constant(graph, 2.0F));
  Session session(graph, {.device = "cpu:0"});
  expect_error(Code::kNotFound, "no device 'cuda:2' on this machine; it has 2 of type cuda",
               [&] { (void)session.run(y); });
}

}  // namespace
}  // namespace gradus
