// Sessions under misuse: bad feeds and fetches, kernels and devices that fail, values that no plan was made for.
#include <gradus/core/kernel.h>
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

TEST(Feeds, AFedPlaceholderMayBeATargetAndAControlDependency) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {1}, "x");
  const Output unfed = placeholder(graph, DType::kFloat64, {1}, "unfed");
  const ControlScope after(graph, {x});
  const Output y = x + 1.0;
  Session session(graph);
  EXPECT_EQ(session.run({{x, vec({1})}}, {y}, {x})[0].at(0), 2.0);
  expect_error(Code::kInvalidArgument, "'unfed' at failures_test.cc:", [&] {
    session.run({{x, vec({1})}}, {y}, {unfed});
  });
}

TEST(Feeds, AFedVariableCannotBeAssigned) {
  Graph graph;
  const Output v = variable(graph, vec({1}), "v");
  const Output add = assign_add(v, constant(graph, vec({1})), "add");
  const Output twice = v * 2.0;
  Session session(graph);
  EXPECT_EQ(session.run({{v, vec({5})}}, {twice})[0].at(0), 10.0);
  expect_error(Code::kInvalidArgument, "changes the variable 'v', which this run feeds", [&] {
    session.run({{v, vec({5})}}, {add});
  });
  EXPECT_EQ(session.value(v).at(0), 1.0);
}

TEST(Feeds, OutputsThatTheirNodeDoesNotHaveAreRefused) {
  Graph graph;
  const Output x = constant(graph, vec({1}), "x");
  Session session(graph);
  for (const int index : {1, -1}) {
    const Output none(&x.node(), index);
    expect_error(Code::kInvalidArgument, "has 1 outputs; asked for output", [&] { session.run({none}); });
    expect_error(Code::kInvalidArgument, "has 1 outputs; asked for output", [&] {
      session.run({{none, vec({1})}}, {x});
    });
  }
  expect_error(Code::kInvalidArgument, "refers to nothing", [&] { session.run({{Output(), vec({1})}}, {x}); });
  expect_error(Code::kInvalidArgument, "refers to nothing", [&] { session.run({}, {}, {Operation()}); });
}

// A scalar placeholder has the shape of a tensor without value: a plan that exists already must not take it.
// Which of them, and why there is none.
TEST(Feeds, WhatRefersToNothingIsNamed) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {}, "x"),
               other = placeholder(graph, DType::kFloat32, {}, "other");
  const Output none = gradients(square(x), {other}).at(0);
  Session session(graph);
  const Feeds feeds = {{x, Tensor::scalar(1.0f)}};
  const std::string why = "refers to nothing: it is the gradient that gradients() at failures_test.cc:";
  expect_error(Code::kInvalidArgument, "fetch 2 of 2 " + why, [&] { session.run(feeds, {x, none}); });
  expect_error(Code::kInvalidArgument, "feed 2 of 2 " + why, [&] {
    session.run({feeds[0], {none, Tensor::scalar(1.0f)}}, {x});
  });
  expect_error(Code::kInvalidArgument, "target 1 of 1 " + why, [&] { session.run(feeds, {x}, {none}); });
  expect_error(Code::kInvalidArgument, "target 1 of 1 refers to nothing: it is default-made",
               [&] { session.run(feeds, {x}, {Operation()}); });
  expect_error(Code::kInvalidArgument, "fetch 1 of 1 " + why, [&] { session.explain(none); });
  expect_error(Code::kInvalidArgument, "operation 2 of 2 " + why, [&] { group({x, none}); });
}

TEST(Feeds, ATensorWithoutValueIsRefusedInEveryRun) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {}, "x");
  const Output y = exp(x);
  Session session(graph);
  EXPECT_EQ(session.run({{x, Tensor::scalar(0.0f)}}, {y})[0].item<float>(), 1.0f);
  expect_error(Code::kInvalidArgument, "the tensor fed for 'x' has no value", [&] {
    session.run({{x, Tensor()}}, {y});
  });
}

TEST(Feeds, ShapesFollowFedIntegersToTheLastBit) {
  Graph graph;
  const Output n = placeholder(graph, DType::kInt64, {1}, "n");
  const Output x = placeholder(graph, DType::kFloat32, {0}, "x");
  const Output y = reshape(x, concat({constant(graph, std::vector<std::int64_t>{0}), n}, 0));
  Session session(graph);
  const std::int64_t large = std::int64_t{1} << 53;  // large + 1 is no double
  for (const std::int64_t size : {large, large + 1, INT64_MAX, INT64_MAX}) {
    const Feeds feeds = {{x, Tensor::zeros(DType::kFloat32, {0})}, {n, Tensor::from<std::int64_t>({size})}};
    EXPECT_EQ(session.run(feeds, {y})[0].shape(), (Shape{0, size}));
  }
  EXPECT_EQ(session.num_plans(), 3);
}

TEST(Plans, OnlyThoseUsedLastAreKept) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1}, "x");
  const Output y = x + 1.0;
  Session session(graph);
  const auto run = [&](std::int64_t n) {
    const Tensor result = session.run({{x, Tensor::full(DType::kFloat64, {n}, 1.0)}}, {y})[0];
    ASSERT_EQ(result.shape(), (Shape{n}));
    ASSERT_EQ(result.at(n - 1), 2.0);
  };
  for (std::int64_t n = 1; n <= 200; ++n) {
    run(n);
    run(1);  // used all the time
  }
  EXPECT_EQ(session.num_plans(), 64);
}

TEST(Failures, AnInitialValueThatFailsLeavesTheSessionUsable) {
  Graph graph;
  const Output numbers = random_uniform(graph, {3}, {.dtype = DType::kFloat64});
  const Output bad = variable(check_numerics(log(numbers - 5.0), "no logarithm"), "bad");
  const Output good = variable(random_uniform(graph, {3}, {.dtype = DType::kFloat64}), "good");
  Session session(graph, {.seed = 3});
  for (int i = 0; i < 3; ++i) {
    expect_error(Code::kInvalidArgument, "no logarithm", [&] { session.run({bad}); });
    EXPECT_TRUE(bit_equal(session.run({good})[0], Session(graph, {.seed = 3}).value(good)));
  }
}

TEST(Failures, AVariableOnAMissingDeviceSaysSoEveryTime) {
  Graph graph;
  Output v;
  {
    const DeviceScope on(graph, "ref:7");
    v = variable(graph, vec({1}), "v");
  }
  const Output y = v + 1.0;
  Session session(graph);
  for (int i = 0; i < 2; ++i) {
    expect_error(Code::kNotFound, "[Variable 'v' at failures_test.cc:", [&] { session.run({y}); });
    expect_error(Code::kNotFound, "no device 'ref:7' on this machine", [&] { session.value(v); });
  }
}

TEST(Failures, WhateverAKernelThrowsNamesItsNode) {
  op_registry().add({.name = "TestThrows",
                     .inputs = {"x"},
                     .outputs = {"y"},
                     .shape = [](ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(0)); },
                     .summary = "fails in the way that x says"});
  kernel_registry().add("TestThrows", "cpu", {DType::kInt32}, [](KernelContext& c) {
    switch (c.input(0).data<std::int32_t>()[0]) {
      case 0: throw std::out_of_range("vector");
      case 1: throw std::bad_alloc();
      case 3: throw 42;
      default: throw invalid_argument("[2,3] is a bad shape");
    }
  });
  Graph graph;
  const Output x = placeholder(graph, DType::kInt32, {}, "x");
  const Output y = graph.add("TestThrows", {x}, {}, "mine");
  const Output folded = graph.add("TestThrows", {constant(graph, Tensor::scalar(std::int32_t{2}))}, {}, "folded");
  Session session(graph);
  const auto run = [&](std::int32_t how) { session.run({{x, Tensor::scalar(how)}}, {y}); };
  const std::string where = "[TestThrows 'mine' at failures_test.cc:" + std::to_string(y.node().line()) + "] ";
  expect_error(Code::kInternal, where + "its kernel threw: vector", [&] { run(0); });
  expect_error(Code::kResourceExhausted, where + "ran out of memory", [&] { run(1); });
  expect_error(Code::kInvalidArgument, where + "[2,3] is a bad shape", [&] { run(2); });
  expect_error(Code::kInternal, where + "its kernel threw something that is no std::exception", [&] { run(3); });
  expect_error(Code::kInvalidArgument, "[TestThrows 'folded' at ", [&] { session.run({folded}); });
}

// Mistakes that wrote or read where nothing is.
TEST(Failures, AKernelThatTakesWhatItDoesNotHaveNamesItsNode) {
  const auto define = [](const char* op, std::vector<int> host_operands, KernelFn compute, KernelFn prepare) {
    op_registry().add({.name = op,
                       .inputs = {"x", "n"},
                       .outputs = {"y"},
                       .shape = [](ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(0)); },
                       .summary = "a mistake",
                       .host_operands = std::move(host_operands)});
    kernel_registry().add(op, "cpu", {DType::kFloat64}, compute, prepare);
  };
  const KernelFn nothing = [](KernelContext&) {};
  define("TestLessThanNoScratch", {}, nothing,
         [](KernelContext& c) { c.request_scratch(static_cast<std::size_t>(c.input(0).num_elements() - 4)); });
  define(
      "TestReadsTheHosts", {1}, [](KernelContext& c) { c.output(0).fill(c.input(1).at(0)); }, nullptr);
  define(
      "TestKeptNothing", {}, [](KernelContext& c) { c.output(0).fill(c.kept<double>()); }, nullptr);
  define(
      "TestReplaces", {}, [](KernelContext& c) { c.output(0) = Tensor(); }, nullptr);
  define(
      "TestReplacesWithAnother", {}, [](KernelContext& c) { c.output(0) = Tensor(DType::kFloat64, Shape({3})); },
      nullptr);
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {3}, "x");
  const Output fixed = constant(graph, vec({1, 2, 3}));
  const Output n = constant(graph, Tensor::scalar(std::int32_t{1}));
  const auto fails = [&](const std::string& op, Code code, const std::string& text) {
    for (const Output& operand : {x, fixed}) {  // in a run, and when constants are folded
      const Output y = graph.add(op, {operand, n}, {}, "mine");
      Session session(graph);
      const std::string where = y.node().where() + " ";
      for (int i = 0; i < 2; ++i) expect_error(code, where + text, [&] { session.run({{x, vec({1, 2, 3})}}, {y}); });
    }
  };
  fails("TestLessThanNoScratch", Code::kResourceExhausted,
        "its kernel asks for 18446744073709551615 bytes of scratch memory");
  fails("TestReadsTheHosts", Code::kInvalidArgument, "the tensor, int32 [], has a shape but no memory");
  fails("TestKeptNothing", Code::kInvalidArgument, "the kernel asks by kept()");
  fails("TestReplaces", Code::kInternal, "its kernel put another tensor in the place of result 0");
  fails("TestReplacesWithAnother", Code::kInternal, "its kernel put another tensor in the place of result 0");
}

TEST(CheckNumerics, NodesOfConstantsAreLookedAtToo) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {1}, "x");
  const Output y = x + log(constant(graph, vec({-1}), "minus_one"), "bad_log");
  Session session(graph, {.check_numerics = true});
  expect_error(Code::kInvalidArgument, "made a NaN at element 0 of its result float64 [1]; inputs: 'minus_one'", [&] {
    session.run({{x, vec({1})}}, {y});
  });
}

TEST(CheckNumerics, AnAssignmentShowsTheVariableAsItWas) {
  Graph graph;
  const Output v = variable(graph, vec({1e308, 2}), "v");
  const Output add = assign_add(v, constant(graph, vec({1e308, 0}), "c"), "add");
  Session session(graph, {.check_numerics = true});
  expect_error(Code::kInvalidArgument,
               "made an infinity at element 0 of its result float64 [2]; inputs: 'v' float64 [2] "
               "in [2, 1e+308], 'c' float64 [2] in [0, 1e+308]",
               [&] { session.run({add}); });
}

TEST(Profile, ATraceHasOneRowPerDeviceAndBearsAnyName) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {2}, "x");
  Output y;
  {
    const DeviceScope on(graph, "ref:0");
    y = exp(x, "not utf-8: \xff");
  }
  const Output z = exp(y, "quote\" and \\");
  Session session(graph, {.profile = true});
  for (int i = 0; i < 3; ++i) session.run({{x, vec({0, 1})}}, {z});
  const std::string path = ::testing::TempDir() + "gradus_trace_rows.json";
  session.write_trace(path);
  std::ifstream file(path);
  const nlohmann::json trace = nlohmann::json::parse(file);
  std::map<std::string, int> rows;
  double last_end = 0.0;
  int steps = 0;
  for (const auto& event : trace.at("traceEvents")) {
    if (event["ph"] == "M") {
      rows[event["args"]["name"]] = event["tid"].get<int>();
    } else {
      ++steps;
      EXPECT_GE(event["ts"].get<double>(), last_end) << "one step at a time";
      last_end = event["ts"].get<double>() + event["dur"].get<double>() - 1e-3;  // of the rounding
      EXPECT_TRUE(event["tid"].is_number_integer());
    }
  }
  EXPECT_EQ(rows, (std::map<std::string, int>{{"ref:0", 1}, {"cpu:0", 2}}));
  EXPECT_EQ(steps, 3 * 3) << "exp, copy, exp";
  std::remove(path.c_str());
}

}  // namespace
}  // namespace gradus
