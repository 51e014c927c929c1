// A GPU as a device of the engine, on the emulator: what it takes and gives back, what goes up and down, what kernels find wrong, and
// what it says where something is missing.
#include <gradus/core/device.h>
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <thread>

#include "gradus/backends/cuda/architectures.h"
#include "tests/cuda_emulator/emulator.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

class CudaDeviceTest : public testing::Test {
 protected:
  void SetUp() override { cuda_emulator::reset(); }
};

std::unique_ptr<Device> device(int index = 0) { return backend_registry().create({"cuda", index}, {}); }

TEST_F(CudaDeviceTest, MemoryGoesUpAndDownAndIsGivenBack) {
  {
    const auto cuda = device();
    EXPECT_FALSE(cuda->uses_host_memory());
    EXPECT_EQ(cuda->memory_bytes(), std::int64_t{1} << 30);
    // Several times what is staged at once.
    const Tensor up = random_uniform_tensor(DType::kFloat32, {3000000}, 1);
    Tensor down(DType::kFloat32, {3000000});
    const Buffer a = cuda->allocate(up.bytes()), b = cuda->allocate(up.bytes());
    cuda->copy_from_host(a.get(), up.raw(), up.bytes());
    cuda->copy(b.get(), a.get(), up.bytes());
    cuda->copy_to_host(down.raw(), b.get(), up.bytes());
    EXPECT_TRUE(bit_equal(up, down)) << cuda_emulator::failure();
    cuda->fill(b.get(), 0x40, 8);
    cuda->copy_to_host(down.raw(), b.get(), 12);
    EXPECT_EQ(down.data<float>()[0], 3.00392151F);
    EXPECT_EQ(down.data<float>()[2], up.data<float>()[2]);
  }
  const cuda_emulator::Counts left = cuda_emulator::counts();
  EXPECT_EQ(left.live_bytes + left.live_allocations + left.live_streams + left.live_events, 0U);
}

TEST_F(CudaDeviceTest, ABufferMayLiveLongerThanItsDevice) {
  Buffer buffer;
  {
    const auto cuda = device();
    buffer = cuda->allocate(100);
  }
  buffer.reset();
  EXPECT_EQ(cuda_emulator::counts().live_allocations, 0U);
}

// By NVIDIA's rules of compatibility: machine code within a major version, PTX from its version on.
TEST_F(CudaDeviceTest, KnowsWhichGpusItsKernelsAreFor) {
  using cuda::runs_on;
  EXPECT_TRUE(runs_on("90", 9, 0) && runs_on("90", 10, 0) && runs_on("90", 12, 0));
  EXPECT_FALSE(runs_on("90", 8, 9));
  EXPECT_TRUE(runs_on("80-real", 8, 0) && runs_on("80-real", 8, 6));
  EXPECT_FALSE(runs_on("80-real", 9, 0) || runs_on("86-real", 8, 0) || runs_on("80-real", 7, 5));
  EXPECT_TRUE(runs_on("80-virtual", 8, 0) && runs_on("80-virtual", 9, 0));
  EXPECT_TRUE(runs_on("90a", 9, 0));
  EXPECT_FALSE(runs_on("90a", 10, 0) || runs_on("90a", 9, 1) || runs_on("100f", 9, 0) || runs_on("103f", 10, 0));
  EXPECT_TRUE(runs_on("100f", 10, 0) && runs_on("100f", 10, 3));
  const char* const release = "75-real;80-real;90";
  EXPECT_TRUE(runs_on(release, 7, 5) && runs_on(release, 8, 9) && runs_on(release, 12, 1));
  EXPECT_FALSE(runs_on(release, 7, 0));
  EXPECT_TRUE(runs_on("native", 6, 1) && runs_on("all-major", 9, 0));
}

TEST_F(CudaDeviceTest, SaysWhatItIsBuiltOf) {
  const std::vector<std::string> lines = backend_registry().find("cuda")->details();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(lines[0].starts_with("backend ")) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("CUDA runtime ")) << lines[1];
  EXPECT_TRUE(lines[2].starts_with("cuDNN 9.") || lines[2].starts_with("convolutions by plain kernels: ")) << lines[2];
}

TEST_F(CudaDeviceTest, MemoryThatIsNotThereIsSaid) {
  cuda_emulator::reset({.memory = 64 << 20});
  const auto cuda = device();
  const Buffer some = cuda->allocate(40 << 20);
  expect_error(Code::kResourceExhausted, "cuda:0 has no 30 MiB left: 24 of 64 MiB are free",
               [&] { (void)cuda->allocate(30 << 20); });
  (void)cuda->allocate(20 << 20);  // the device goes on
}

TEST_F(CudaDeviceTest, WhatKernelsFindIsSaidAtTheNextSynchronisation) {
  Graph graph;
  const Output x = placeholder(graph, DType::kInt32, {4}), y = placeholder(graph, DType::kInt32, {4});
  const Output quotient = floor_div(x, y, "quotient"), power = pow(x, y, "power");
  const Output other = add(x, y);
  Session session(graph, {.device = "cuda:0"});
  const auto ints = [](std::vector<std::int32_t> values) { return Tensor::from(Shape{4}, std::move(values)); };
  const Feeds good = {{x, ints({7, -7, 9, 2})}, {y, ints({2, 2, 4, 3})}};
  EXPECT_TRUE(bit_equal(session.run(good, quotient), ints({3, -4, 2, 0})));
  expect_error(Code::kInvalidArgument, "[FloorDiv 'quotient' at cuda_device_test.cc:", [&] {
    session.run({{x, ints({1, 2, 3, 4})}, {y, ints({1, 0, 1, 1})}}, quotient);
  });
  expect_error(Code::kInvalidArgument, "integer division by zero", [&] {
    session.run({{x, ints({1, 2, 3, 4})}, {y, ints({1, 0, 1, 1})}}, quotient);
  });
  expect_error(Code::kInvalidArgument, "[Pow 'power' at", [&] {
    session.run({{x, ints({1, 2, 3, 4})}, {y, ints({1, -1, 1, 1})}}, power);
  });
  // What was wrong once is not held against what follows.
  EXPECT_TRUE(bit_equal(session.run(good, quotient), ints({3, -4, 2, 0})));
  EXPECT_TRUE(bit_equal(session.run(good, power), ints({49, 49, 6561, 8})));
  EXPECT_TRUE(bit_equal(session.run(good, other), ints({9, -5, 13, 5})));
}

// A run that fetches nothing waits for nothing: the next that does hears of its mistake, in whatever thread, once.
TEST_F(CudaDeviceTest, WhatNobodyHasWaitedForIsSaidToTheNext) {
  Graph graph;
  const Output x = placeholder(graph, DType::kInt32, {4}), v = variable(graph, Tensor::zeros(DType::kInt32, {4}), "v");
  const Operation divide = assign_add(v, floor_div(v, x, "quotient"));
  const Feeds good = {{x, Tensor::full(DType::kInt32, {4}, 1.0)}}, bad = {{x, Tensor::zeros(DType::kInt32, {4})}};
  const auto hear = [](const std::function<void()>& wait) {
    expect_error(Code::kInvalidArgument, "[FloorDiv 'quotient' at cuda_device_test.cc:", wait);
    wait();
  };
  for (const bool record : {true, false}) {
    Session session(graph, {.device = "cuda:0", .record = record});
    for (int i = 0; i < 5; ++i) {
      session.run(bad, divide);
      hear([&] { session.run(good, v); });
      session.run(good, divide);
      std::thread([&] { session.run(bad, divide); }).join();
      session.run(good, divide);
      hear([&] { session.state(); });
    }
  }
}

// Each of several calls at the same time hears of its own mistakes, and of no other's.
TEST_F(CudaDeviceTest, ConcurrentRunsHearOfTheirOwnMistakes) {
  Graph graph;
  const Output x = placeholder(graph, DType::kInt32, {64}), y = placeholder(graph, DType::kInt32, {64});
  const Output quotient = floor_div(x, y);
  Session session(graph, {.device = "cuda:0", .concurrent_runs = 4});
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 1; i <= 30; ++i) {
        const bool divides_by_zero = (i + t) % 3 == 0;
        const Tensor dividend = Tensor::full(DType::kInt32, {64}, 7.0 * i),
                     divisor = Tensor::full(DType::kInt32, {64}, divides_by_zero ? 0.0 : 7.0);
        try {
          const Tensor z = session.run({{x, dividend}, {y, divisor}}, quotient);
          if (divides_by_zero || z.at(63) != i) ++wrong;
        } catch (const Error&) {
          if (!divides_by_zero) ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(CudaDeviceTest, PartsOfAGraphOnOtherDevices) {
  cuda_emulator::reset({.devices = 2});
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 3});
  Output first, second;
  {
    const DeviceScope on(graph, "cuda:0");
    first = relu(x - 1.0);
  }
  {
    const DeviceScope on(graph, "cuda:1");
    second = square(first);
  }
  const Output last = reduce_sum(second);
  Session session(graph, {.device = "cpu:0"});
  const Tensor values = Tensor::from(Shape{2, 3}, std::vector<float>{0, 1, 2, 3, 4, 5});
  EXPECT_EQ(session.run({{x, values}}, last).item<float>(), 0 + 0 + 1 + 4 + 9 + 16);
  const std::string plan = session.explain(last, {{x, values}});
  EXPECT_NE(plan.find("cuda:1"), std::string::npos) << plan;
}

// With the CPU's text, where both count.
TEST_F(CudaDeviceTest, CheckNumericsCountsThere) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 2});
  const Output y = check_numerics(x, "activations", "guard") * 2.0;
  Session session(graph, {.device = "cuda:0"});
  EXPECT_EQ(session.explain(y, {{x, Tensor(DType::kFloat32, {2, 2})}}).find("cpu:0"), std::string::npos);
  const auto values = [](std::vector<float> v) { return Tensor::from(Shape{2, 2}, std::move(v)); };
  const float nan = std::nanf(""), infinity = HUGE_VALF;
  EXPECT_TRUE(bit_equal(session.run({{x, values({1, -2, 3, 0})}}, y), values({2, -4, 6, 0})));
  for (const char* part : {"[CheckNumerics 'guard' at cuda_device_test.cc:",
                           "activations: 1 NaN and 2 infinite elements of 4, the first at index 1 of [2,2]"}) {
    expect_error(Code::kInvalidArgument, part, [&] { session.run({{x, values({1, -infinity, nan, infinity})}}, y); });
  }
  EXPECT_TRUE(bit_equal(session.run({{x, values({1, -2, 3, 0})}}, y), values({2, -4, 6, 0})));
}

// What has no kernel there runs on the CPU.
TEST_F(CudaDeviceTest, PrintRunsOnTheCpu) {
  Graph graph;
  const Output printed = print(random_normal(graph, {2}), "numbers") * 2.0;
  const auto on = [&](const char* name) { return Session(graph, {.device = name, .seed = 3}).run(printed); };
  testing::internal::CaptureStderr();
  EXPECT_TRUE(bit_equal(on("cuda:0"), on("cpu:0")));
  EXPECT_NE(testing::internal::GetCapturedStderr().find("numbers: "), std::string::npos);
}

TEST_F(CudaDeviceTest, VariablesLiveThere) {
  Graph graph;
  const Output v = variable(graph, Tensor::from(Shape{2}, std::vector<float>{1, 2}), "v");
  const Operation add_one = assign_add(v, constant(graph, std::vector<float>{1, 1}));
  Session session(graph, {.device = "cuda:0"});
  session.run(add_one);
  session.run(add_one);
  EXPECT_EQ(session.value(v).data<float>()[1], 4.0F);
  session.set_value(v, Tensor::from(Shape{2}, std::vector<float>{5, 6}));
  EXPECT_EQ(session.run(v * 2.0).data<float>()[0], 10.0F);
}

TEST_F(CudaDeviceTest, WhatIsMissingIsNamed) {
  const Backend* const backend = backend_registry().find("cuda");
  ASSERT_NE(backend, nullptr);
  EXPECT_EQ(backend->missing(), "");
  ASSERT_EQ(backend->list().size(), 1U);
  EXPECT_EQ(backend->list()[0].description, "CUDA emulator, 1024 MiB, compute capability " +
                                                std::to_string(GRADUS_EMULATED_CAPABILITY / 10) + "." +
                                                std::to_string(GRADUS_EMULATED_CAPABILITY % 10));
  cuda_emulator::reset({.devices = 0});
  EXPECT_EQ(backend->missing(), "the NVIDIA driver finds no GPU");
  EXPECT_TRUE(backend->list().empty());
  Graph graph;
  expect_error(Code::kUnavailable, "the NVIDIA driver finds no GPU", [&] { Session(graph, {.device = "cuda:0"}); });
  cuda_emulator::reset();
  expect_error(Code::kNotFound, "cuda:1", [&] { Session(graph, {.device = "cuda:1"}); });
}

}  // namespace
}  // namespace gradus
