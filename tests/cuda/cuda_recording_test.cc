// Steps that the device records and repeats, on the emulator: the same bits as step by step, also in two streams; what changes from run
// to run is seen; and what cannot be recorded runs nevertheless.
#include <gradus/core/kernel.h>
#include <gradus/gradus.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/models.h>
#include <gradus/nn/optimizers.h>
#include <gtest/gtest.h>

#include <thread>

#include "gradus/backends/cuda/device.h"
#include "tests/cuda_emulator/emulator.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

class CudaRecording : public testing::Test {
 protected:
  void SetUp() override { cuda_emulator::reset(); }
};

// A small network with convolutions, dropout and an optimiser.
struct SmallNet {
  SmallNet() {
    images = placeholder(graph, DType::kFloat32, {-1, 6, 6, 2}, "images");
    labels = placeholder(graph, DType::kInt32, {-1}, "labels");
    Output h = relu(nn::conv2d(images, {.filters = 3, .kernel = 3}));
    h = relu(nn::conv2d(h, {.filters = 4, .kernel = 3}));
    h = dropout(nn::flatten(max_pool(h, {.ksize = {1, 2, 2, 1}, .strides = {1, 2, 2, 1}})), 0.25);
    loss = nn::sparse_softmax_loss(labels, nn::dense(h, {.units = 4}));
    train = nn::momentum({.learning_rate = 0.1, .momentum = 0.9}).minimize(loss);
  }
  Feeds feeds(int step, std::int64_t batch = 3) const {
    Tensor classes(DType::kInt32, {batch});
    for (std::int64_t i = 0; i < batch; ++i) classes.set(i, static_cast<double>((i + step) % 4));
    const auto seed = static_cast<std::uint64_t>(step + 1);
    return {{images, random_normal_tensor(DType::kFloat32, {batch, 6, 6, 2}, seed)}, {labels, classes}};
  }
  Graph graph;
  Output images, labels, loss;
  Operation train;
};

struct Trained {
  std::vector<Tensor> losses;
  std::map<std::string, Tensor> state;
  std::string plan;
  std::size_t recordings = 0;  // that were launched
};

Trained train(const SmallNet& net, SessionOptions options, int steps, std::uint64_t seed) {
  cuda_emulator::reset({.seed = seed});
  options.device = "cuda:0";
  options.seed = 7;
  Session session(net.graph, options);
  Trained t;
  for (int i = 0; i < steps; ++i) t.losses.push_back(session.run(net.feeds(i), net.loss, {net.train}));
  t.recordings = cuda_emulator::counts().graph_launches;
  t.plan = session.explain(net.feeds(0), {net.loss}, {net.train});
  t.state = session.state();
  return t;
}

void expect_same(const Trained& got, const Trained& expected) {
  ASSERT_EQ(got.losses.size(), expected.losses.size());
  for (std::size_t i = 0; i < expected.losses.size(); ++i) {
    EXPECT_TRUE(bit_equal(got.losses[i], expected.losses[i])) << "step " << i;
  }
  for (const auto& [name, value] : expected.state) EXPECT_TRUE(bit_equal(got.state.at(name), value)) << name;
}

TEST_F(CudaRecording, GivesTheSameBitsAsStepByStep) {
  const SmallNet net;
  const Trained plain = train(net, {.record = false}, 5, 1);
  EXPECT_EQ(plain.recordings, 0U);
  const Trained recorded = train(net, {}, 5, 2);
  EXPECT_GE(recorded.recordings, 3U) << "from the third run on";
  EXPECT_NE(recorded.plan.find("are one recording of cuda:0\n"), std::string::npos) << recorded.plan;
  expect_same(recorded, plain);
  for (const std::uint64_t seed : {3U, 4U, 5U}) {
    const Trained in_two_streams = train(net, {.streams = 2}, 5, seed);
    EXPECT_NE(in_two_streams.plan.find("one recording of cuda:0, in 2 streams"), std::string::npos)
        << in_two_streams.plan;
    expect_same(in_two_streams, plain);
  }
}

TEST_F(CudaRecording, WhatLooksAtSingleStepsHasThem) {
  const SmallNet net;
  int seen = 0;
  EXPECT_EQ(train(net, {.check_numerics = true}, 4, 1).recordings, 0U);
  EXPECT_EQ(train(net, {.profile = true}, 4, 1).recordings, 0U);
  EXPECT_EQ(train(net, {.observer = [&](const ObservedStep&) { ++seen; }}, 4, 1).recordings, 0U);
  EXPECT_GT(seen, 0);
}

// Another plan that needs a larger arena moves the memory that the recording works on.
TEST_F(CudaRecording, IsMadeAnewWhenMemoryMoves) {
  const SmallNet net;
  Session session(net.graph, {.device = "cuda:0", .seed = 3});
  Session plain(net.graph, {.device = "cuda:0", .seed = 3, .record = false});
  const auto expect_equal = [&](int step, std::int64_t batch) {
    EXPECT_TRUE(bit_equal(session.run(net.feeds(step, batch), net.loss, {net.train}),
                          plain.run(net.feeds(step, batch), net.loss, {net.train})))
        << step;
  };
  for (int i = 0; i < 4; ++i) expect_equal(i, 2);
  expect_equal(4, 9);
  for (int i = 5; i < 9; ++i) expect_equal(i, 2);
}

TEST_F(CudaRecording, WhatItsKernelsFindIsThrownWithTheNode) {
  Graph graph;
  const Output a = placeholder(graph, DType::kInt32, {4}, "a"), b = placeholder(graph, DType::kInt32, {4}, "b");
  const Output quotient = negate(floor_div(a, b, "quotient"));
  Session session(graph, {.device = "cuda:0"});
  const Tensor ones = Tensor::from<std::int32_t>({1, 2, 3, 4}), zero = Tensor::from<std::int32_t>({1, 0, 1, 1});
  for (int i = 0; i < 3; ++i) (void)session.run({{a, ones}, {b, ones}}, quotient);
  EXPECT_EQ(cuda_emulator::counts().graph_launches, 1U);
  expect_error(Code::kInvalidArgument, "'quotient'", [&] { (void)session.run({{a, ones}, {b, zero}}, quotient); });
  EXPECT_EQ(session.run({{a, ones}, {b, ones}}, quotient).at(0), -1);
  // A thread that has not recorded it hears of it, too.
  std::thread other([&] {
    expect_error(Code::kInvalidArgument, "'quotient'", [&] { (void)session.run({{a, ones}, {b, zero}}, quotient); });
  });
  other.join();
  EXPECT_EQ(session.run({{a, ones}, {b, ones}}, quotient).at(3), -1);
}

// A user's kernel that waits for the device, which a capture forbids.
void waiting_kernel(KernelContext& c) {
  c.device().copy(c.output(0).raw(), c.input(0).raw(), c.output(0).bytes());
  c.device().synchronize();
}
void shape_like_input(ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(0)); }

TEST_F(CudaRecording, APlanThatCannotBeRecordedRunsStepByStep) {
  op_registry().add(
      {.name = "TestWaits", .inputs = {"x"}, .outputs = {"y"}, .shape = shape_like_input, .summary = "Waits."});
  kernel_registry().add("TestWaits", "cuda", kFloating, waiting_kernel);
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {3}, "x");
  const Output y = square(add_op("TestWaits", {negate(x)}, NoAttrs{}, At{"waits"}));
  Session session(graph, {.device = "cuda:0"});
  for (int i = 1; i < 6; ++i) {
    EXPECT_EQ(session.run({{x, Tensor::from<float>({static_cast<float>(i), 1, static_cast<float>(i)})}}, y).at(2),
              static_cast<double>(i) * i)
        << cuda_emulator::failure();
  }
  const std::string plan = session.explain(y, {{x, Tensor(DType::kFloat32, {3})}});
  EXPECT_NE(plan.find("no step is recorded: [TestWaits 'waits'"), std::string::npos) << plan;
  EXPECT_EQ(cuda_emulator::counts().graph_launches, 0U);
}

TEST_F(CudaRecording, ThreadsRecordAndRepeatAtTheSameTime) {
  const SmallNet net;
  Session session(net.graph, {.device = "cuda:0", .concurrent_runs = 2});
  const Tensor expected = session.run(net.feeds(1), net.loss);
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 6; ++i) (void)session.run(net.feeds(1), net.loss);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cuda_emulator::failure(), "");
  EXPECT_EQ(session.run(net.feeds(1), net.loss).shape(), expected.shape());
}

}  // namespace
}  // namespace gradus
