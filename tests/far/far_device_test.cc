// What a device with memory of its own asks of the engine, one thing at a time.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expect_error.h"
#include "tests/support/far_device.h"
#include "tests/support/test_ops.h"

namespace gradus {
namespace {

Tensor floats(std::vector<float> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return Tensor::from<float>({count}, values);
}

class FarDeviceTest : public ::testing::Test {
 protected:
  Graph graph;
};

// The test of the tests: without it, nothing here would prove anything.
TEST(FarDeviceDeathTest, TheHostCannotTouchItsMemory) {
  const auto device = backend_registry().create({"far", 0}, {});
  const Buffer memory = device->allocate(64);
  const float value = 2.5f;
  device->copy_from_host(memory.get(), &value, sizeof(value));
  float back = 0;
  device->copy_to_host(&back, memory.get(), sizeof(back));
  EXPECT_EQ(back, 2.5f);
  EXPECT_DEATH({ *static_cast<volatile float*>(memory.get()) = 1.0f; }, "");
}

TEST_F(FarDeviceTest, ConstantsGoUpOnceAndFeedsInEveryRun) {
  const Output x = placeholder(graph, DType::kFloat32, {2}, "x");
  const Output y = (x + constant(graph, floats({1, 2}))) * constant(graph, floats({3, 4}));
  Session session(graph, {.device = "far:0"});
  reset_far_copies();
  EXPECT_EQ(session.run({{x, floats({1, 1})}}, y).at(1), 12.0);
  EXPECT_EQ(far_copies().uploads, 3);
  for (int i = 0; i < 5; ++i) session.run({{x, floats({1, 1})}}, y);
  EXPECT_EQ(far_copies().uploads, 3 + 5);
}

// Sizes, axes and begins stay on the host, where prepare() reads them, known to the plan or not.
TEST_F(FarDeviceTest, SizesStayOnTheHost) {
  const Output x = placeholder(graph, DType::kFloat32, {2, 3}, "x");
  const Output begin = placeholder(graph, DType::kInt32, {2}, "begin");
  const Output part = slice(x, begin, constant(graph, std::vector<std::int32_t>{1, 2}));
  const Output found = reshape(argmax(x, 1, DType::kInt32), {2});  // computed over there, needed here
  const Output at_found = slice(x, found, constant(graph, std::vector<std::int32_t>{1, 1}));
  const Tensor value = Tensor::from<float>({2, 3}, {1, 9, 3, 4, 9, 6});
  for (const bool optimize : {true, false}) {
    Session session(graph, {.device = "far:0", .optimize = optimize, .poison_outputs = true});
    const auto at = [&](std::vector<std::int32_t> where) {
      return session.run({{x, value}, {begin, Tensor::from<std::int32_t>({2}, where)}}, part);
    };
    EXPECT_EQ(at({1, 1}).at(0), 9.0);
    EXPECT_EQ(at({0, 1}).at(1), 3.0);
    EXPECT_EQ(at({1, 0}).at(0), 4.0);
    reset_far_copies();
    at({0, 0});
    if (optimize) {
      EXPECT_EQ(far_copies().uploads, 1);  // x alone
    }
    EXPECT_EQ(session.run({{x, value}}, at_found).at(0), 9.0);
  }
}

// As a GPU does: the kernel has long been started when its mistake is found.
TEST_F(FarDeviceTest, WhatAKernelFindsWrongIsToldByTheNextCopyToTheHost) {
  const Output labels = placeholder(graph, DType::kInt32, {2}, "labels");
  const Output logits = placeholder(graph, DType::kFloat32, {2, 3}, "logits");
  const Output loss = sparse_softmax_cross_entropy_with_logits(labels, logits, "loss");
  const Output v = variable(graph, floats({0, 0}), "v");
  const Output kept = assign(v, loss);
  Session session(graph, {.device = "far:0"});
  const auto feeds = [&](std::int32_t label) {
    return Feeds{{labels, Tensor::from<std::int32_t>({2}, {0, label})},
                 {logits, Tensor::zeros(DType::kFloat32, {2, 3})}};
  };
  expect_error(Code::kOutOfRange, "'loss' at far_device_test.cc:", [&] { session.run(feeds(7), loss); });
  EXPECT_NEAR(session.run(feeds(1), loss).at(1), 1.0986123, 1e-6);
  session.run(feeds(8), Operation(kept));  // nothing comes back, so nothing is known yet
  expect_error(Code::kOutOfRange, "'loss' at far_device_test.cc:", [&] { session.value(v); });
}

TEST_F(FarDeviceTest, CheckNumericsNamesTheNodeAndItsOperands) {
  const Output x = placeholder(graph, DType::kFloat32, {2}, "x");
  const Output y = log(x, "logarithm");
  Session session(graph, {.device = "far:0", .check_numerics = true});
  EXPECT_EQ(session.run({{x, floats({1, 1})}}, y).at(0), 0.0);
  expect_error(Code::kInvalidArgument, "'logarithm' at far_device_test.cc:", [&] {
    session.run({{x, floats({1, -1})}}, y);
  });
  expect_error(Code::kInvalidArgument, "in [-1, 1]", [&] { session.run({{x, floats({1, -1})}}, y); });
}

TEST_F(FarDeviceTest, AGraphMayBeOnSeveralDevices) {
  const Output x = placeholder(graph, DType::kFloat32, {2}, "x");
  Output y = x + 1.0;
  {
    const DeviceScope on(graph, "far:0");
    y = y * 2.0;
  }
  {
    const DeviceScope on(graph, "far:1");
    y = y * y;
  }
  y = y - 1.0;
  Session session(graph, {.device = "ref:0"});
  reset_far_copies();
  EXPECT_EQ(session.run({{x, floats({1, 2})}}, y).at(1), 35.0);
  session.run({{x, floats({1, 2})}}, y);
  EXPECT_EQ(far_copies().uploads, 1 + 2 * 2);  // the constant 2 once; then into each of both, twice
  const std::string text = session.explain(y, {{x, floats({1, 2})}});
  for (const char* part : {"copy from ref:0", "copy from far:0", "copy from far:1"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
}

TEST_F(FarDeviceTest, VariablesLiveThere) {
  const Output v = variable(graph, floats({1, 2}), "v");
  const Output next = assign_add(v, constant(graph, floats({10, 20})));
  Session session(graph, {.device = "far:0", .poison_outputs = true});
  EXPECT_EQ(session.run(next).at(1), 22.0);
  session.set_value(v, floats({5, 6}));
  EXPECT_EQ(session.run(next).at(0), 15.0);
  EXPECT_EQ(session.state().at("v").at(1), 26.0);
}

// Two variables that change places need a copy of one of them: over there, not by way of the host.
TEST_F(FarDeviceTest, OldValuesAreCopiedWithinTheDevice) {
  const Output a = variable(graph, floats({1}), "a"), b = variable(graph, floats({2}), "b");
  const Operation swap = group({assign(a, b), assign(b, a)});
  Session session(graph, {.device = "far:0"});
  session.run(swap);
  reset_far_copies();
  session.run(swap);
  session.run(swap);
  EXPECT_EQ(far_copies().uploads + far_copies().downloads, 0);
  EXPECT_EQ(session.value(a).at(0), 2.0);
  EXPECT_EQ(session.value(b).at(0), 1.0);
}

// What is computed from constants alone is computed once, over there.
TEST_F(FarDeviceTest, ConstantsAreFoldedThere) {
  const Output x = placeholder(graph, DType::kFloat32, {2}, "x");
  const Output c = constant(graph, floats({1, 4}));
  const Output y = x * (sqrt(c) + 1.0);
  Session session(graph, {.device = "far:0"});
  EXPECT_EQ(session.run({{x, floats({1, 1})}}, y).at(1), 3.0);
  EXPECT_NE(session.explain(y, {{x, floats({1, 1})}}).find("folded: computed once from constants"), std::string::npos);
  reset_far_copies();
  EXPECT_EQ(session.run({{x, floats({2, 1})}}, y).at(0), 4.0);
  EXPECT_EQ(far_copies().uploads, 1);
}

TEST_F(FarDeviceTest, ObserversSeeResultsInHostMemory) {
  const Output x = placeholder(graph, DType::kFloat32, {2}, "x");
  const Output y = reshape(x + 1.0, {2, 1}, "y");
  std::vector<double> seen;
  Session session(graph, {.device = "far:0",
                          .observer = [&](const ObservedStep& step) { seen.push_back(step.results.at(0).at(1)); }});
  session.run({{x, floats({1, 2})}}, y);
  EXPECT_EQ(seen, (std::vector<double>{2, 3, 3}));  // the copy, the sum, its view
}

TEST_F(FarDeviceTest, GetsTheSessionsOptions) {
  const Output x = scalar(graph, 1.0, DType::kFloat32);
  Session(graph, {.device = "far:0", .num_threads = 3, .allow_tf32 = true, .deterministic = false}).run(x);
  EXPECT_EQ(last_far_options().num_threads, 3);
  EXPECT_TRUE(last_far_options().allow_tf32);
  EXPECT_FALSE(last_far_options().deterministic);
  Session(graph, {.device = "far:0"}).run(x);
  EXPECT_FALSE(last_far_options().allow_tf32);
  EXPECT_TRUE(last_far_options().deterministic);
}

// An op that never gets a kernel there runs elsewhere, but for one that changes a variable, which cannot move.
TEST_F(FarDeviceTest, WhatIsForTheCpuOnlyRunsElsewhereOrSaysWhyNot) {
  register_test_op("OnlyHere", {"x"}, unary_test_kernel<std::fabs>);
  op_registry().add(def("Bump", {"variable"}, {"new_value"}, shape_of_first, "For tests.").mutates());
  for (const char* op : {"OnlyHere", "Bump"}) kernel_registry().add_cpu_only(op, "far", "it needs a keyboard");
  const Output x = placeholder(graph, DType::kFloat32, {2}, "x");
  const Output y = graph.add("OnlyHere", {x * 2.0}, {}, "y");
  Session session(graph, {.device = "far:0"});
  const Feeds feeds = {{x, floats({-1, 2})}};
  EXPECT_EQ(session.run(feeds, y + 1.0).at(0), 3.0);
  EXPECT_NE(session.explain(y, feeds).find("no far kernel: it needs a keyboard"), std::string::npos);

  const Output v = variable(graph, floats({1, 2}), "v");
  const Output bumped = graph.add("Bump", {v}, {}, "bumped");
  expect_error(Code::kUnimplemented, "runs where its variable is, which is on far:0", [&] { session.run(bumped); });
}

}  // namespace
}  // namespace gradus
