// What plans do with a graph: placement, copies, folding, sharing, memory; and threads.
#include <gradus/core/kernel.h>
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <regex>
#include <thread>

#include "tests/support/values.h"

namespace gradus {
namespace {

int count(const std::string& text, const std::string& what) {
  int n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(Placement, MixedDevicesCopyAtTheBorderAndExplainSaysWhy) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {3}, "x");
  Output y, z;
  {
    const DeviceScope on(graph, "ref:0");
    y = exp(x, "on_ref");
  }
  z = add(y, 1.0, "on_cpu");
  Session session(graph);
  const Feeds feeds = {{x, vec({0, 1, 2})}};
  EXPECT_NEAR(session.run(feeds, {z})[0].at(1), 1.0 + 2.718281828459045, 1e-15);
  const std::string text = session.explain(z, feeds);
  EXPECT_EQ(count(text, "copy from ref:0"), 1) << text;
  EXPECT_NE(text.find("DeviceScope"), std::string::npos) << text;
  EXPECT_NE(text.find("the session's default"), std::string::npos) << text;
}

TEST(Placement, AVariableIsUpdatedWhereItIs) {
  Graph graph;
  Output v;
  {
    const DeviceScope on(graph, "ref:0");
    v = variable(graph, vec({1, 2}), "v");
  }
  const Output add = assign_add(v, constant(graph, vec({1, 1})), "update");
  Session session(graph);
  EXPECT_EQ(session.run({add})[0].at(1), 3.0);
  const std::string text = session.explain(add);
  EXPECT_NE(text.find("where its variable is"), std::string::npos) << text;
}

TEST(Placement, AReadAfterAnAssignmentSeesItAcrossDevicesToo) {
  for (const char* device : {"cpu:0", "ref:0"}) {
    Graph graph;
    Output v, add;
    {
      const DeviceScope on(graph, device);
      v = variable(graph, vec({1}), "v");
      add = assign_add(v, constant(graph, vec({2})));
    }
    const Output before = v * 10.0;
    Output after;
    {
      const ControlScope control(graph, {add});
      after = v * 100.0;
    }
    const Output by_data = v * add;  // v as it was, times what it became
    const Output unrelated = v * 1000.0 + add * 0.0;
    Session session(graph);
    const auto values = session.run({before, after, by_data, unrelated});
    EXPECT_EQ(values[0].at(0), 10.0) << device;
    EXPECT_EQ(values[1].at(0), 300.0) << device;
    EXPECT_EQ(values[2].at(0), 3.0) << device;
    EXPECT_EQ(values[3].at(0), 1000.0) << device;
  }
}

TEST(Placement, AVariableMayBeAssignedFromOneOnAnotherDevice) {
  Graph graph;
  Output v;
  {
    const DeviceScope on(graph, "ref:0");
    v = variable(graph, vec({1}), "v");
  }
  const Output w = variable(graph, vec({7}), "w");
  Session session(graph);
  EXPECT_EQ(session.run({assign(v, w)})[0].at(0), 7.0);
}

// The columns without what aligns them.
std::string unaligned(const std::string& text) { return std::regex_replace(text, std::regex(" +"), " "); }

TEST(Explain, TellsDeviceReasonAndSizeOfEveryNode) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 2}, "x");
  Output v;
  {
    const DeviceScope on(graph, "ref:0");
    v = variable(graph, Tensor::full(DType::kFloat32, {2}, 1.0), "v");
  }
  const Output y = exp((x * v) * exp(scalar(graph, 2.0, DType::kFloat32, "two"), "e"), "y");
  Session session(graph, {.profile = true});
  const Feeds feeds = {{x, Tensor::zeros(DType::kFloat32, {3, 2})}};
  session.run(feeds, {y});
  const std::string text = unaligned(session.explain(y, feeds));
  for (const char* part :
       {"fed value bytes\nx float32 [3,2] 24\n",
        "variable value bytes\nv float32 [2] 8 on ref:0 | placed: DeviceScope\n", "two float32 [] 4 in host memory\n",
        "e Exp float32 [] 4 | folded: computed once from constants\n", "v Copy cpu:0 ", " float32 [2] 8 @",
        "| copy from ref:0\n", "float32 [3,2] 24 @", "in memory of 'Mul' @", "kernel: Exp",
        " ms per run in all steps\n"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is missing in\n" << text;
  }
}

TEST(Folding, ConstantExpressionsAndShapesAreComputedOnce) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1, 2}, "x");
  const Output c = exp(constant(graph, vec({0, 0})), "folded_exp");
  const Output y =
      reshape(x * c, concat({slice(shape(x), {0}, {1}), constant(graph, std::vector<std::int32_t>{-1})}, 0));
  Session session(graph);
  const Feeds feeds = {{x, Tensor::full(DType::kFloat64, {3, 2}, 2.0)}};
  EXPECT_EQ(session.run(feeds, {y})[0].shape(), (Shape{3, 2}));
  const std::string text = session.explain(y, feeds);
  EXPECT_NE(text.find("folded_exp"), std::string::npos);
  EXPECT_NE(text.find("folded: computed once from constants"), std::string::npos) << text;
  EXPECT_NE(text.find("folded: its value is known from shapes"), std::string::npos) << text;
}

TEST(Sharing, EqualSubexpressionsAreComputedOnceUnlessRandom) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {2}, "x");
  const Output y = exp(x, "a") + exp(x, "b");
  Session session(graph);
  const Feeds feeds = {{x, vec({0, 1})}};
  EXPECT_EQ(session.run(feeds, {y})[0].at(0), 2.0);
  EXPECT_EQ(count(session.explain(y, feeds), "shared: same as"), 1);
  Session plain(graph, {.optimize = false});
  EXPECT_EQ(count(plain.explain(y, feeds), "shared"), 0);
  EXPECT_EQ(plain.run(feeds, {y})[0].at(0), 2.0);
}

TEST(Sharing, ConstantsAreOneWhenTheirBitsAre) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {1}, "x");
  const Output y = (x + 1.0) * (x + 1.0);
  const Output z = (x / 0.0) + (x / -0.0);  // +inf and -inf
  const Output w = (x * 2.0) * cast(cast(x, DType::kFloat32) * 2.0, DType::kFloat64);
  Session session(graph);
  const Feeds feeds = {{x, vec({1})}};
  EXPECT_EQ(session.run(feeds, {y})[0].at(0), 4.0);
  EXPECT_EQ(count(session.explain(y, feeds), "shared: same as"), 2) << session.explain(y, feeds);
  EXPECT_TRUE(std::isnan(session.run(feeds, {z})[0].at(0)));
  EXPECT_EQ(count(session.explain(z, feeds), "shared: same as"), 0);
  EXPECT_EQ(session.run(feeds, {w})[0].at(0), 4.0);
  EXPECT_EQ(count(session.explain(w, feeds), "shared: same as"), 0) << "2.0 and 2.0f";
}

TEST(Memory, AChainNeedsTwoBuffersAtMost) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {1000}, "x");
  Output y = x;
  for (int i = 0; i < 20; ++i) y = exp(y * 0.01);
  Session session(graph);
  session.run({{x, Tensor::zeros(DType::kFloat64, {1000})}}, {y});
  EXPECT_LE(session.arena_bytes(), 2 * 8064u);
  Session plain(graph, {.optimize = false});
  plain.run({{x, Tensor::zeros(DType::kFloat64, {1000})}}, {y});
  EXPECT_EQ(plain.arena_bytes(), 40 * 8000u) << "nothing is reused";
}

TEST(Memory, InPlaceResultsNeverOverwriteWhatIsStillNeeded) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1}, "x");
  const Output a = x * 2.0;
  const Output b = a + 1.0;
  const Output c = reshape(a, {-1, 1});
  const Output d = b * a;
  const Output e = reduce_sum(c) + reduce_sum(d) + reduce_sum(b);
  const Tensor value = random_normal_tensor(DType::kFloat64, {777}, 3);
  Session fast(graph);
  Session plain(graph, {.optimize = false});
  Session poisoned(graph, {.poison_outputs = true});
  const auto expected = plain.run({{x, value}}, {a, b, d, e});
  for (Session* session : {&fast, &poisoned}) {
    const auto got = session->run({{x, value}}, {a, b, d, e});
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(bit_equal(got[i], expected[i])) << i;
  }
  EXPECT_EQ(value.at(0), random_normal_tensor(DType::kFloat64, {777}, 3).at(0)) << "feeds are never overwritten";
}

TEST(Memory, PlansOfASessionShareOneArena) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1}, "x");
  const Output y = exp(x) + x;
  Session session(graph);
  session.run({{x, Tensor::zeros(DType::kFloat64, {1000})}}, {y});
  const std::size_t bytes = session.arena_bytes();
  session.run({{x, Tensor::zeros(DType::kFloat64, {500})}}, {y});
  EXPECT_EQ(session.arena_bytes(), bytes);
  session.run({{x, Tensor::zeros(DType::kFloat64, {2000})}}, {y});
  EXPECT_GT(session.arena_bytes(), bytes);
  const Tensor again = session.run({{x, Tensor::full(DType::kFloat64, {1000}, 1.0)}}, {y})[0];
  EXPECT_NEAR(again.at(999), 1.0 + 2.718281828459045, 1e-15) << "plans follow an arena that moved";
}

// A device that counts the bytes in use.
class CountingDevice final : public Device {
 public:
  CountingDevice() : Device({"counting", 0}) {}
  Buffer allocate(std::size_t bytes) override {
    live += bytes;
    const Buffer memory = allocate_host(bytes);
    return Buffer(memory.get(), [memory, bytes](void*) { live -= bytes; });
  }
  void copy_from_host(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void copy_to_host(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  static inline std::atomic<std::size_t> live = 0;
};

TEST(Memory, AnArenaThatGrewLeavesNothingBehind) {
  backend_registry().add({.type = "counting",
                          .description = "for tests",
                          .list =
                              [] {
                                return std::vector<DeviceInfo>{{{"counting", 0}, "one"}};
                              },
                          .missing = [] { return std::string(); },
                          .create = [](int, const DeviceOptions&) { return std::make_unique<CountingDevice>(); }});
  kernel_registry().add("Exp", "counting", {DType::kFloat64}, [](KernelContext& c) { c.output(0).fill(1.0); });
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1}, "x");
  const Output y = exp(exp(x));
  {
    Session session(graph, {.device = "counting:0", .optimize = false});
    for (std::int64_t n = 1000; n <= 5000; n += 1000) {
      session.run({{x, Tensor::zeros(DType::kFloat64, {n})}}, {y});
      EXPECT_EQ(CountingDevice::live, session.arena_bytes()) << n;
    }
  }
  EXPECT_EQ(CountingDevice::live, 0u);
}

TEST(Memory, ASessionDoesNotHoldWhatItWasFed) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {2}, "x");
  const Output index = placeholder(graph, DType::kInt32, {1}, "index");
  const Output y = gather(reshape(x, {2, 1}), index);
  Session session(graph);
  const Tensor fed = vec({1, 2});
  EXPECT_EQ(session.run({{x, fed}, {index, Tensor::from<std::int32_t>({1})}}, {y})[0].at(0), 2.0);
  EXPECT_EQ(fed.buffer().use_count(), 1);
  EXPECT_THROW(session.run({{x, fed}, {index, Tensor::from<std::int32_t>({9})}}, {y}), Error);
  EXPECT_EQ(fed.buffer().use_count(), 1);
}

TEST(Threads, TheStateIsOfOneMoment) {
  Graph graph;
  std::vector<Operation> updates;
  for (int i = 0; i < 50; ++i) {  // many, so that a run would get in between somewhere
    const Output v = variable(graph, Tensor::scalar(0.0));
    updates.push_back(assign_add(v, scalar(graph, 1.0, DType::kFloat64)));
  }
  const Operation all = group(updates);
  Session session(graph, {.num_threads = 1});
  std::atomic<bool> stop{false};
  std::thread runner([&] {
    while (!stop) session.run({}, {}, {all});
  });
  for (int i = 0; i < 500; ++i) {
    const auto state = session.state();
    const double first = state.begin()->second.item<double>();
    for (const auto& [name, value] : state) EXPECT_EQ(value.item<double>(), first) << name;
    if (::testing::Test::HasFailure()) break;
  }
  stop = true;
  runner.join();
}

TEST(Threads, SeveralSessionsRunAtOnceOnOneGraph) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 64}, "x");
  const Output w = variable(random_normal(graph, {64, 64}), "w");
  const Output y = reduce_sum(tanh(matmul(x, w)));
  const Output train = assign_sub(w, 0.01 * gradients(y, {w}).at(0));
  const Tensor value = random_normal_tensor(DType::kFloat32, {50, 64}, 1);
  std::vector<float> results(3);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < results.size(); ++t) {
    threads.emplace_back([&, t] {
      Session session(graph, {.seed = 1, .num_threads = static_cast<int>(t) + 1});
      for (int i = 0; i < 20; ++i) results[t] = session.run({{x, value}}, {y}, {train})[0].item<float>();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(results[0], results[1]) << "bits do not depend on the number of threads";
  EXPECT_EQ(results[0], results[2]);
}

TEST(Threads, OneSessionMayBeRunFromSeveralThreads) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(0.0), "v");
  const Output add = assign_add(v, scalar(graph, 1.0, DType::kFloat64));
  Session session(graph);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) session.run({add});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(session.value(v).item<double>(), 400.0);
}

TEST(Threads, TheGraphMayGrowWhileASessionRuns) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1}, "x");
  const Output y = exp(x);
  std::atomic<bool> stop{false};
  std::thread runner([&] {
    Session session(graph);
    for (std::int64_t n = 1; !stop; n = n % 50 + 1) session.run({{x, Tensor::zeros(DType::kFloat64, {n})}}, {y});
  });
  Output z = y;
  for (int i = 0; i < 500; ++i) z = z + 1.0;
  stop = true;
  runner.join();
  Session session(graph);
  EXPECT_EQ(session.run({{x, vec({0})}}, {z})[0].at(0), 501.0);
}

}  // namespace
}  // namespace gradus
