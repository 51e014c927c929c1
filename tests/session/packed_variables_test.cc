// KernelContext::request_packed: what a kernel wants arranged is made once per change of a variable, for all plans of a session, and is
// never that of another value.
#include <gradus/core/kernel.h>
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

std::atomic<int> pack_calls = 0, variables_packed = 0;

// Backwards.
void pack_reversed(Device&, std::span<const PackItem> items) {
  ++pack_calls;
  for (const PackItem& item : items) {
    ++variables_packed;
    const std::span<const double> from(item.from->data<double>(), static_cast<std::size_t>(item.from->num_elements()));
    std::reverse_copy(from.begin(), from.end(), static_cast<double*>(item.to));
  }
}

// The last element first, by the packed operand where there is one. Results: that, and whether it was packed.
void reversed_kernel(KernelContext& c) {
  const std::int64_t n = c.input(0).num_elements();
  const auto* packed = static_cast<const double*>(c.packed(0));
  c.output(1).fill(packed != nullptr ? 1 : 0);
  for (std::int64_t i = 0; i < n; ++i)
    c.output(0).data<double>()[i] = packed != nullptr ? packed[i] : c.input(0).data<double>()[n - 1 - i];
}

void prepare_reversed(KernelContext& c) {
  c.request_packed(0, pack_reversed, static_cast<std::size_t>(c.input(0).num_elements()) * sizeof(double));
}

struct Reversed {
  Output y, is_packed;
};

Reversed reversed(const Output& x, const char* name = "") {
  static const bool registered = [] {
    op_registry().add({.name = "TestReversed",
                       .inputs = {"x"},
                       .outputs = {"y", "packed"},
                       .shape =
                           [](ShapeContext& c) {
                             c.set_output(0, c.input_dtype(0), c.input_shape(0));
                             c.set_output(1, DType::kFloat64, {});
                           },
                       .summary = "reverses a vector that may be packed"});
    kernel_registry().add("TestReversed", "cpu", {DType::kFloat64}, reversed_kernel, prepare_reversed);
    return true;
  }();
  EXPECT_TRUE(registered);
  Node& node = x.graph().add_node("TestReversed", {x}, {}, name);
  return {node.output(0), node.output(1)};
}

class PackedVariables : public ::testing::Test {
 protected:
  void SetUp() override { pack_calls = variables_packed = 0; }
  void expect_run(Session& session, const Reversed& op, const std::vector<double>& expected, bool is_packed,
                  const std::vector<Operation>& targets = {}) {
    const std::vector<Tensor> results = session.run({}, {op.y, op.is_packed}, targets);
    EXPECT_EQ(elements(results[0]), expected);
    EXPECT_EQ(results[1].at(0), is_packed ? 1 : 0);
  }
  Graph graph;
  Output v = variable(graph, vec({1, 2, 3}), "v");
};

TEST_F(PackedVariables, AreMadeOncePerChange) {
  const Reversed first = reversed(v), second = reversed(v, "second");
  const Output w = variable(graph, vec({7, 8}), "w");
  const Reversed third = reversed(w);
  Session session(graph, {.device = "cpu:0", .optimize = false});
  for (int run = 0; run < 3; ++run) expect_run(session, first, {3, 2, 1}, true);
  for (int run = 0; run < 3; ++run) expect_run(session, second, {3, 2, 1}, true);  // by a plan of its own
  EXPECT_EQ(variables_packed, 1);
  session.set_value(v, vec({4, 5, 6}));
  for (int run = 0; run < 2; ++run) expect_run(session, first, {6, 5, 4}, true);
  EXPECT_EQ(variables_packed, 2);
  const std::map<std::string, Tensor> state = session.state();
  session.restore(state);
  expect_run(session, second, {6, 5, 4}, true);
  EXPECT_EQ(variables_packed, 3);
  pack_calls = variables_packed = 0;
  session.restore(state);
  session.run({first.y, second.y, third.y});
  EXPECT_EQ(variables_packed, 2);
  EXPECT_EQ(pack_calls, 1) << "all that have changed at once";
}

TEST_F(PackedVariables, FollowTheAssignmentsOfRuns) {
  const Reversed op = reversed(v);
  const Operation grow = assign_add(v, constant(graph, vec({1, 1, 1})), "grow");
  Session session(graph, {.device = "cpu:0"});
  for (int run = 0; run < 4; ++run) {
    const double more = run;
    expect_run(session, op, {3 + more, 2 + more, 1 + more}, true, {grow});  // the value from before the run
  }
  expect_run(session, op, {7, 6, 5}, true);
  expect_run(session, op, {7, 6, 5}, true);
  EXPECT_EQ(variables_packed, 5);
}

TEST_F(PackedVariables, OthersAreNotPacked) {
  const Output grown = assign_add(v, constant(graph, vec({1, 1, 1})), "grow");
  const Reversed of_result = reversed(grown), of_sum = reversed(v + v);
  Reversed after;
  {
    const ControlScope wait(graph, {grown});
    after = reversed(v, "after");
  }
  const Reversed op = reversed(v);
  Session session(graph, {.device = "cpu:0"});
  expect_run(session, of_sum, {6, 4, 2}, false);
  expect_run(session, of_result, {4, 3, 2}, false);
  expect_run(session, after, {5, 4, 3}, false);  // what the run itself has assigned
  const std::vector<Tensor> fed = session.run({{v, vec({1, 0, 5})}}, {op.y, op.is_packed});
  EXPECT_EQ(elements(fed[0]), (std::vector<double>{5, 0, 1}));
  EXPECT_EQ(fed[1].at(0), 0);
  EXPECT_EQ(variables_packed, 0);
}

// What an op overwrites may have been assigned before in the same run.
TEST_F(PackedVariables, WhatAnOpOverwritesIsNotPacked) {
  op_registry().add({.name = "TestFlips",
                     .inputs = {"variable", "x"},
                     .outputs = {"y"},
                     .shape = [](ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(0)); },
                     .summary = "variable = x - variable",
                     .effect = Effect::kMutates});
  const auto flip = [](KernelContext& c) {
    EXPECT_EQ(c.packed(0), nullptr);
    for (std::int64_t i = 0; i < 3; ++i)
      c.mutable_input(0).data<double>()[i] = c.input(1).data<double>()[i] - c.input(0).data<double>()[i];
  };
  kernel_registry().add("TestFlips", "cpu", {DType::kFloat64}, flip, prepare_reversed);
  const Output x = constant(graph, vec({1, 2, 3}));
  const Output grown = assign_add(v, x, "grow"), flipped = graph.add("TestFlips", {v, x}, {}, "flip");
  Session session(graph, {.device = "cpu:0"});
  EXPECT_EQ(elements(session.run({grown, flipped})[1]), (std::vector<double>{-1, -2, -3}));
}

// Mistakes of those who write kernels.
TEST_F(PackedVariables, MistakesNameTheNode) {
  struct Mistake {
    const char* op;
    KernelFn prepare;
    Code code;
    const char* text;
  };
  const Mistake mistakes[] = {
      {"TestPacksByNothing", [](KernelContext& c) { c.request_packed(0, nullptr, 8); }, Code::kInvalidArgument,
       "without a function that packs it"},
      {"TestPacksWhatIsNot", [](KernelContext& c) { c.request_packed(7, pack_reversed, 8); }, Code::kInvalidArgument,
       "input 7"},
      {"TestPacksTooMuch", [](KernelContext& c) { c.request_packed(0, pack_reversed, std::size_t{1} << 60); },
       Code::kResourceExhausted, "bytes for a packed variable"},
      {"TestPackThrows",
       [](KernelContext& c) {
         c.request_packed(
             0, [](Device&, std::span<const PackItem>) { throw std::out_of_range("vector"); }, 8);
       },
       Code::kInternal, "the function that packs its variable threw: vector"},
  };
  for (const Mistake& m : mistakes) {
    op_registry().add({.name = m.op,
                       .inputs = {"x"},
                       .outputs = {"y"},
                       .shape = [](ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(0)); },
                       .summary = "a mistake"});
    kernel_registry().add(
        m.op, "cpu", {DType::kFloat64}, [](KernelContext&) {}, m.prepare);
    const Output y = graph.add(m.op, {v}, {}, "mine");
    Session session(graph, {.device = "cpu:0"});
    const std::string where = "[" + std::string(m.op) + " 'mine";
    for (int i = 0; i < 2; ++i) {
      expect_error(m.code, where, [&] { session.run(y); });
      expect_error(m.code, m.text, [&] { session.run(y); });
    }
  }
}

// A run may fail when it has changed the variable.
TEST_F(PackedVariables, AreMadeAnewAfterARunThatFailed) {
  const Reversed op = reversed(v);
  const Output x = placeholder(graph, DType::kFloat64, {}, "x");
  const Output grown = assign_add(v, constant(graph, vec({1, 1, 1})), "grow");
  Output checked;
  {
    const ControlScope wait(graph, {grown});
    checked = check_numerics(x, "x must be finite");
  }
  Session session(graph, {.device = "cpu:0"});
  expect_run(session, op, {3, 2, 1}, true);
  expect_error(Code::kInvalidArgument, "x must be finite", [&] {
    session.run({{x, Tensor::scalar(std::nan(""))}}, {op.y, checked});
  });
  expect_run(session, op, {4, 3, 2}, true);
}

TEST_F(PackedVariables, ExplainShowsTheirBytes) {
  const Reversed op = reversed(v);
  Session session(graph, {.device = "cpu:0"});
  const std::string text = session.explain(op.y);
  EXPECT_NE(text.find("on cpu:0 | packed as well, in 24 bytes"), std::string::npos) << text;
  const PlanReport report = session.report({}, {op.y});
  ASSERT_EQ(report.sources.size(), 1U);
  EXPECT_EQ(report.sources[0].packed_bytes, 24U);
  EXPECT_EQ(report.memory.at(0).variables, 48U);
}

TEST_F(PackedVariables, ThreadsSeeWholeValues) {
  const Reversed op = reversed(v);
  const Operation grow = assign_add(v, constant(graph, vec({1, 1, 1})), "grow");
  Session session(graph, {.device = "cpu:0", .num_threads = 1, .concurrent_runs = 4});
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      double last = 0;
      for (int run = 0; run < 100; ++run) {
        const std::vector<double> got = elements(session.run(op.y));
        EXPECT_GE(got[0], last) << "of an earlier value";
        last = got[0];
        EXPECT_EQ(got[0] - got[1], 1);
        EXPECT_EQ(got[1] - got[2], 1);
      }
    });
  }
  for (int run = 0; run < 100; ++run) session.run(grow);
  for (std::thread& thread : threads) thread.join();
  expect_run(session, op, {103, 102, 101}, true);
}

}  // namespace
}  // namespace gradus
