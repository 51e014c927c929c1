// Building graphs: names, scopes, control dependencies, collections, look-ups.
#include "gradus/graph/graph.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <unordered_set>

#include "gradus/graph/graph_mutex.h"
#include "gradus/graph/scopes.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

Output zeros(Graph& graph, const char* name) { return constant(graph, Tensor::zeros(DType::kFloat32, {2}), name); }

TEST(GraphNames, AreUniqueAndDefaultToTheOp) {
  Graph graph;
  EXPECT_EQ(zeros(graph, "").name(), "Constant");
  EXPECT_EQ(zeros(graph, "").name(), "Constant_1");
  EXPECT_EQ(zeros(graph, "x").name(), "x");
  EXPECT_EQ(zeros(graph, "x_1").name(), "x_1");
  EXPECT_EQ(zeros(graph, "x").name(), "x_2");  // x_1 is taken by the user
  EXPECT_EQ(zeros(graph, "x_1").name(), "x_1_1");
  std::set<std::string> names;
  for (int i = 0; i < 100; ++i) names.insert(zeros(graph, "y").name());
  EXPECT_EQ(names.size(), 100u);
}

TEST(GraphNames, ScopesNestAndRepeatedScopesAreNumbered) {
  Graph graph;
  {
    const NameScope outer(graph, "block");
    EXPECT_EQ(zeros(graph, "x").name(), "block/x");
    {
      const NameScope inner(graph, "branch");
      EXPECT_EQ(zeros(graph, "x").name(), "block/branch/x");
    }
    EXPECT_EQ(zeros(graph, "x").name(), "block/x_1");
    const NameScope again(graph, "branch");
    EXPECT_EQ(zeros(graph, "x").name(), "block/branch_1/x");
  }
  const NameScope second(graph, "block");
  EXPECT_EQ(zeros(graph, "x").name(), "block_1/x");
  expect_error(Code::kInvalidArgument, "needs a name", [&] { NameScope unnamed(graph, ""); });
}

TEST(GraphNames, ANumberedScopeIsNeverOneThatTheUserOpened) {
  Graph graph;
  std::set<std::string> prefixes;
  for (const char* name : {"block", "block_1", "block", "block", "block_1"}) {
    const NameScope scope(graph, name);
    prefixes.insert(zeros(graph, "x").name());
  }
  EXPECT_EQ(prefixes, (std::set<std::string>{"block/x", "block_1/x", "block_2/x", "block_3/x", "block_1_1/x"}));
}

TEST(GraphNames, NodesAndOutputsAreFoundByName) {
  Graph graph;
  const Output x = zeros(graph, "inputs/x");
  EXPECT_EQ(graph.find_node("inputs/x"), &x.node());
  EXPECT_EQ(graph.find_node("x"), nullptr);
  EXPECT_EQ(graph.find_output("inputs/x"), x);
  EXPECT_EQ(graph.find_output("inputs/x:0"), x);
  expect_error(Code::kInvalidArgument, "has 1 outputs; asked for output 1",
               [&] { (void)graph.find_output("inputs/x:1"); });
  expect_error(Code::kNotFound, "no output 'input/x'; did you mean inputs/x?",
               [&] { (void)graph.find_output("input/x"); });
  expect_error(Code::kNotFound, "no output 'inputs/x:'", [&] { (void)graph.find_output("inputs/x:"); });
  expect_error(Code::kNotFound, "no output 'inputs/x:-1'", [&] { (void)graph.find_output("inputs/x:-1"); });
}

TEST(GraphScopes, DevicesApplyToNewNodesOnly) {
  Graph graph;
  const Output before = zeros(graph, "before");
  {
    const DeviceScope on(graph, "ref:0");
    EXPECT_EQ(zeros(graph, "a").node().device(), "ref:0");
    {
      const DeviceScope inner(graph, "cpu");
      EXPECT_EQ(zeros(graph, "b").node().device(), "cpu:0");
      const DeviceScope back(graph, "");
      EXPECT_EQ(zeros(graph, "c").node().device(), "");
    }
    EXPECT_EQ(zeros(graph, "d").node().device(), "ref:0");
  }
  EXPECT_EQ(before.node().device(), "");
  EXPECT_EQ(zeros(graph, "after").node().device(), "");
  for (const char* bad : {"ref:", "ref:x", "ref:-1", ":0", "Ref:0", "ref:0:1", "ref:99999999999"}) {
    expect_error(Code::kInvalidArgument, "is not a device", [&] { DeviceScope on(graph, bad); });
  }
  EXPECT_EQ(zeros(graph, "still").node().device(), "");  // a scope that could not be made changes nothing
}

TEST(GraphScopes, ControlDependenciesAddUp) {
  Graph graph;
  const Output a = zeros(graph, "a");
  const Output b = zeros(graph, "b");
  {
    const ControlScope after_a(graph, {a});
    const Output c = zeros(graph, "c");
    EXPECT_EQ(c.node().control_inputs(), (std::vector<Node*>{&a.node()}));
    const ControlScope after_b(graph, {b});
    EXPECT_EQ(zeros(graph, "d").node().control_inputs(), (std::vector<Node*>{&a.node(), &b.node()}));
  }
  EXPECT_TRUE(zeros(graph, "e").node().control_inputs().empty());
  const Operation both = group({a, b}, "both");
  EXPECT_EQ(both.node().op(), "NoOp");
  EXPECT_EQ(both.node().control_inputs(), (std::vector<Node*>{&a.node(), &b.node()}));
  EXPECT_TRUE(no_op(graph).node().control_inputs().empty());
  expect_error(Code::kInvalidArgument, "at least one operation", [] { group({}); });
  expect_error(Code::kInvalidArgument, "refers to nothing", [&] { ControlScope after(graph, {Operation()}); });
  Graph other;
  expect_error(Code::kInvalidArgument, "belongs to another graph", [&] { ControlScope after(other, {a}); });
  expect_error(Code::kInvalidArgument, "ControlScope: operation 2 of 2 refers to nothing: it is default-made", [&] {
    ControlScope after(graph, {a, Operation()});
  });
  expect_error(Code::kInvalidArgument, "add_to_collection: the item for 'mine' refers to nothing: it is a default-made",
               [&] { graph.add_to_collection("mine", Output()); });
}

TEST(GraphScopes, GradientNodesPointAtTheForwardLineAndDevice) {
  Graph graph;
  const Output forward = [&] {
    const DeviceScope on(graph, "ref:0");
    return identity(zeros(graph, "x"), "y");
  }();
  {
    const GradientScope rule(graph, forward.node(), "Identity");
    const Output made = zeros(graph, "dx");
    EXPECT_EQ(made.node().forward_node(), &forward.node());
    EXPECT_EQ(made.node().gradient_rule(), "Identity");
    EXPECT_EQ(made.node().line(), forward.node().line());
    EXPECT_EQ(made.node().device(), "ref:0");
  }
  const Output later = zeros(graph, "z");
  EXPECT_EQ(later.node().forward_node(), nullptr);
  EXPECT_EQ(later.node().gradient_rule(), "");
  EXPECT_EQ(later.node().device(), "");
}

TEST(GraphCollections, KeepOrderAndKnowVariables) {
  Graph graph;
  const Output w = variable(graph, Tensor::zeros(DType::kFloat32, {2}), "w");
  const Output step = variable(graph, Tensor::scalar(std::int64_t{0}), "step", /*trainable=*/false);
  EXPECT_EQ(graph.collection(kTrainableVariables), (std::vector<Output>{w}));
  EXPECT_EQ(graph.collection(kAllVariables), (std::vector<Output>{w, step}));
  EXPECT_TRUE(graph.collection("nothing").empty());
  graph.add_to_collection("mine", step);
  graph.add_to_collection("mine", w);
  EXPECT_EQ(graph.collection("mine"), (std::vector<Output>{step, w}));
  Graph other;
  expect_error(Code::kInvalidArgument, "item 'w' for 'mine' belongs to another graph",
               [&] { other.add_to_collection("mine", w); });
}

TEST(GraphNodes, KeepIdsInputsAndTheUsersLine) {
  Graph graph;
  const Output x = zeros(graph, "x");
  const int line = __LINE__ + 1;
  const Output y = identity(x, "y");
  EXPECT_EQ(y.node().line(), line);
  EXPECT_EQ(y.node().file(), "graph_test.cc");
  EXPECT_EQ(y.node().where(), "[Identity 'y' at graph_test.cc:" + std::to_string(line) + "]");
  EXPECT_EQ(y.node().input(0), x);
  EXPECT_LT(x.node().id(), y.node().id());
  EXPECT_EQ(&graph.node(y.node().id()), &y.node());
  EXPECT_EQ(graph.num_nodes(), 2);
}

TEST(GraphNodes, HandlesThatReferToNothingSaySo) {
  const Output nothing;
  EXPECT_FALSE(nothing.valid());
  expect_error(Code::kInvalidArgument, "refers to nothing", [&] { (void)nothing.dtype(); });
  expect_error(Code::kInvalidArgument, "refers to nothing", [&] { (void)nothing.shape(); });
  expect_error(Code::kInvalidArgument, "refers to nothing", [&] { (void)identity(nothing); });
  expect_error(Code::kInvalidArgument, "refers to nothing", [] { (void)Operation().name(); });
  Graph graph;
  const Output third(&zeros(graph, "one").node(), 2);
  expect_error(Code::kInvalidArgument, "'one' at graph_test.cc:", [&] { (void)third.dtype(); });
  expect_error(Code::kInvalidArgument, "has 1 outputs; asked for output 2", [&] { (void)identity(third); });
  const std::unordered_set<Output> set = {nothing, zeros(graph, "x"), nothing};
  EXPECT_EQ(set.size(), 2u);
}

// Sessions look at a graph while it grows; the mutex that both take makes this clean under the thread sanitizer.
TEST(GraphNodes, AReaderMayHoldTheGraphWhileItGrows) {
  Graph graph;
  zeros(graph, "first");
  std::thread reader([&] {
    for (int i = 0; i < 200; ++i) {
      const std::shared_lock lock(graph.mutex());
      ASSERT_EQ(graph.node(graph.num_nodes() - 1).op(), "Constant");
    }
  });
  for (int i = 0; i < 200; ++i) zeros(graph, "x");
  reader.join();
  EXPECT_EQ(graph.num_nodes(), 201);
}

}  // namespace
}  // namespace gradus
