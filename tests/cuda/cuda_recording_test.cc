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
    features = nn::flatten(max_pool(h, {.ksize = {1, 2, 2, 1}, .strides = {1, 2, 2, 1}}));
    h = dropout(features, 0.25);
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
  Output images, labels, features, loss;
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

// Kernels of a user whose work is not all in what they launch: it would be done when they are recorded, and never again.
void copy_operand(KernelContext& c) { c.device().copy(c.output(0).raw(), c.input(0).raw(), c.output(0).bytes()); }
void waiting_kernel(KernelContext& c) {
  copy_operand(c);
  c.device().synchronize();
}
void uploading_kernel(KernelContext& c) {
  static constexpr float kOverwritten[3] = {0, 0, 0};
  c.device().copy_from_host(c.output(0).raw(), kOverwritten, sizeof(kOverwritten));
  copy_operand(c);
}
void downloading_kernel(KernelContext& c) {
  float values[3];
  c.device().copy_to_host(values, c.input(0).raw(), sizeof(values));
  copy_operand(c);
}
void allocating_kernel(KernelContext& c) {
  const Buffer memory = c.device().allocate(16);
  copy_operand(c);
}
void shape_like_input(ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(0)); }

TEST_F(CudaRecording, APlanThatCannotBeRecordedRunsStepByStep) {
  const std::vector<std::pair<KernelFn, std::string>> kernels = {{waiting_kernel, "waits for the device"},
                                                                 {uploading_kernel, "copies from the host"},
                                                                 {downloading_kernel, "copies to the host"},
                                                                 {allocating_kernel, "allocates memory"}};
  for (const auto& [kernel, what] : kernels) {
    cuda_emulator::reset();
    const std::string op = "TestKernel" + std::to_string(what.size()) + what.substr(0, 1);
    op_registry().add(
        {.name = op, .inputs = {"x"}, .outputs = {"y"}, .shape = shape_like_input, .summary = "A kernel."});
    kernel_registry().add(op, "cuda", kFloating, kernel);
    Graph graph;
    const Output x = placeholder(graph, DType::kFloat32, {3}, "x");
    const Output y = square(add_op(op, {negate(x)}, NoAttrs{}, At{"mine"}));
    Session session(graph, {.device = "cuda:0"});
    for (int i = 1; i < 6; ++i) {
      EXPECT_EQ(session.run({{x, Tensor::from<float>({static_cast<float>(i), 1, static_cast<float>(i)})}}, y).at(2),
                static_cast<double>(i) * i)
          << what << " " << cuda_emulator::failure();
    }
    const std::string plan = session.explain(y, {{x, Tensor(DType::kFloat32, {3})}});
    EXPECT_NE(plan.find("no step is recorded: [" + op + " 'mine'"), std::string::npos) << plan;
    EXPECT_NE(plan.find("a kernel " + what), std::string::npos) << plan;
    EXPECT_EQ(cuda_emulator::counts().graph_launches, 0U);
  }
}

TEST_F(CudaRecording, ThreadsRecordAndRepeatAtTheSameTime) {
  const SmallNet net;
  Session session(net.graph, {.device = "cuda:0", .concurrent_runs = 2});
  const Tensor expected = Session(net.graph, {.device = "cuda:0"}).run(net.feeds(1), net.features);
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 6; ++i) EXPECT_TRUE(bit_equal(session.run(net.feeds(1), net.features), expected));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cuda_emulator::failure(), "");
  EXPECT_GT(cuda_emulator::counts().graph_launches, 0U);
}

}  // namespace
}  // namespace gradus
