// What gradients() builds, looked at without running anything: these tests pass without any backend.
#include "gradus/autodiff/gradients.h"

#include <gtest/gtest.h>

#include <string>

#include "gradus/autodiff/gradient_registry.h"
#include "gradus/graph/scopes.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/concat.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

void same_shape(ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(0)); }

// Ops of these tests, registered as a user would register his own.
const bool registered = [] {
  for (const char* name : {"TestNoRule", "TestWrongShape", "TestForgetful"}) {
    op_registry().add({.name = name, .inputs = {"x"}, .outputs = {"y"}, .shape = same_shape, .summary = "For tests."});
  }
  gradient_registry().add("TestWrongShape", [](GradientContext& c) { c.set(0, reduce_sum(c.grad())); });
  gradient_registry().add("TestForgetful", [](GradientContext&) {});
  return true;
}();

int count_ops(const Graph& graph, const std::string& op, int from = 0) {
  int count = 0;
  for (int id = from; id < graph.num_nodes(); ++id) count += graph.node(id).op() == op ? 1 : 0;
  return count;
}

class Gradients : public ::testing::Test {
 protected:
  Output input(const char* name, const Shape& shape = {2, 3}, DType dtype = DType::kFloat32) {
    return placeholder(graph_, dtype, shape, name);
  }
  Graph graph_;
};

TEST_F(Gradients, HaveTheDTypeAndShapeOfX) {
  const Output x = input("x", {-1, 3}), b = input("b", {3}, DType::kFloat32);
  const std::vector<Output> grads = gradients(reduce_sum(tanh(x * 2.0 + b)), {x, b});
  ASSERT_EQ(grads.size(), 2u);
  EXPECT_EQ(grads[0].shape().to_string(), "[?,3]");
  EXPECT_EQ(grads[1].shape().to_string(), "[3]");
  EXPECT_EQ(grads[0].dtype(), DType::kFloat32);
}

TEST_F(Gradients, OfYWithRespectToItselfIsOnes) {
  const Output x = input("x");
  EXPECT_EQ(gradients(x, {x})[0].node().op(), "OnesLike");
  const Output scalar_x = input("s", {});
  EXPECT_EQ(gradients(scalar_x, {scalar_x})[0].node().op(), "Constant");
}

TEST_F(Gradients, StartFromGradY) {
  const Output x = input("x"), dy = input("dy");
  EXPECT_EQ(gradients(identity(x), {x}, dy)[0], dy);
}

TEST_F(Gradients, BuildNothingForInputsThatNobodyAskedFor) {
  const Output x = input("x"), w = input("w");
  const Output y = x * w;
  const int before = graph_.num_nodes();
  ASSERT_TRUE(gradients(y, {x})[0].valid());
  // The ones that it starts from, and ones * w.
  EXPECT_EQ(graph_.num_nodes() - before, 2);
  EXPECT_EQ(count_ops(graph_, "Mul", before), 1);
}

TEST_F(Gradients, BuildNothingBesideThePathFromXToY) {
  const Output x = input("x"), other = input("other");
  const Output y = tanh(x) + exp(sin(other));
  const Output aside = sqrt(x);  // does not lead to y
  const int before = graph_.num_nodes();
  gradients(y, {x});
  EXPECT_EQ(count_ops(graph_, "TanhGrad", before), 1);
  EXPECT_EQ(count_ops(graph_, "Cos", before), 0);
  EXPECT_EQ(count_ops(graph_, "RealDiv", before), 0);
  for (int id = before; id < graph_.num_nodes(); ++id) EXPECT_NE(graph_.node(id).forward_node(), &aside.node());
}

TEST_F(Gradients, ANeedlessCallAddsNoNode) {
  const Output x = input("x"), y = tanh(input("other"));
  const int before = graph_.num_nodes();
  EXPECT_FALSE(gradients(y, {x})[0].valid());
  EXPECT_EQ(graph_.num_nodes(), before);
}

TEST_F(Gradients, SeveralContributionsAreJoinedByOneAddN) {
  const Output x = input("x");
  const Output h = tanh(x);
  const Output y = sin(h) + cos(h) + exp(h);
  const int before = graph_.num_nodes();
  gradients(y, {x});
  EXPECT_EQ(count_ops(graph_, "AddN", before), 1);
  for (int id = before; id < graph_.num_nodes(); ++id) {
    if (graph_.node(id).op() != "AddN") continue;
    EXPECT_EQ(graph_.node(id).inputs().size(), 3u);
  }
  EXPECT_EQ(count_ops(graph_, "TanhGrad", before), 1) << "tanh is passed once, with the sum";
}

TEST_F(Gradients, AreNoneWhereYDoesNotDepend) {
  const Output x = input("x"), lonely = input("lonely");
  const std::vector<Output> grads = gradients(x * 2.0, {lonely, x});
  EXPECT_FALSE(grads[0].valid());
  EXPECT_TRUE(grads[1].valid());
}

TEST_F(Gradients, StopAtStopGradientAndAtIntegers) {
  const Output x = input("x");
  EXPECT_FALSE(gradients(stop_gradient(x), {x})[0].valid());
  EXPECT_FALSE(gradients(cast(cast(x, DType::kInt32), DType::kFloat32), {x})[0].valid());
  const Output y = stop_gradient(tanh(x)) * x;
  const int before = graph_.num_nodes();
  gradients(y, {x});
  EXPECT_EQ(count_ops(graph_, "TanhGrad", before), 0);
  EXPECT_EQ(count_ops(graph_, "Mul", before), 1) << "only the factor that x reaches";
}

TEST_F(Gradients, ARuleThatSetsNothingMeansNone) {
  const Output x = input("x");
  EXPECT_FALSE(gradients(graph_.add("TestForgetful", {tanh(x)}, {}, ""), {x})[0].valid());
}

TEST_F(Gradients, PassInnerOutputsOn) {
  const Output x = input("x");
  const Output h = tanh(x);
  const std::vector<Output> grads = gradients(reduce_sum(exp(h)), {h, x});
  EXPECT_EQ(grads[1].node().op(), "TanhGrad");
  EXPECT_EQ(grads[1].node().input(0), grads[0]) << "dy/dx goes on from dy/dh";
}

TEST_F(Gradients, WithRespectToAnInnerOutputStopThere) {
  const Output x = input("x");
  const Output h = tanh(x);
  const int before = graph_.num_nodes();
  ASSERT_TRUE(gradients(sin(h), {h})[0].valid());
  EXPECT_EQ(count_ops(graph_, "TanhGrad", before), 0);
}

TEST_F(Gradients, OfSeveralYsAreAdded) {
  const Output x = input("x");
  const std::vector<Output> ys = {sin(x), cos(x)};
  EXPECT_EQ(gradients(ys, {x})[0].node().op(), "AddN");
}

TEST_F(Gradients, OfRepeatedYsCountTwiceAndRepeatedXsGetTheSame) {
  const Output x = input("x"), dy = input("dy");
  const std::vector<Output> grads = gradients({x, x}, {x, x}, {dy, Output()});
  EXPECT_EQ(grads[0], grads[1]);
  ASSERT_EQ(grads[0].node().op(), "AddN");
  EXPECT_EQ(grads[0].node().input(0), dy);
  EXPECT_EQ(grads[0].node().input(1).node().op(), "OnesLike") << "an invalid grad_y stands for ones";
}

TEST_F(Gradients, OfOneOutputOfManyGetZerosForTheOthers) {
  const Output x = input("x", {4, 6});
  const std::vector<Output> parts = split(x, 3, 1);
  const Output dx = gradients(reduce_sum(parts[1]), {x})[0];
  ASSERT_TRUE(dx.valid());
  EXPECT_EQ(dx.shape().to_string(), "[4,6]");
  EXPECT_EQ(count_ops(graph_, "ZerosLike"), 2);
}

TEST_F(Gradients, AreNamedAfterTheForwardGraph) {
  const Output x = input("x");
  Output y;
  {
    const NameScope block(graph_, "block1");
    y = tanh(x, "act");
  }
  const Output dx = gradients(y, {x})[0];
  EXPECT_EQ(dx.name(), "gradients/block1/act/TanhGrad");
  EXPECT_EQ(gradients(y, {x})[0].name(), "gradients_1/block1/act/TanhGrad");
}

TEST_F(Gradients, RememberTheForwardNodeRuleLineAndDevice) {
  const Output x = input("x");
  Output y;
  {
    const DeviceScope on(graph_, "ref:0");
    y = tanh(x, "act");
  }
  const Node& dx = gradients(y, {x})[0].node();
  EXPECT_EQ(dx.forward_node(), &y.node());
  EXPECT_EQ(dx.gradient_rule(), "Tanh");
  EXPECT_EQ(dx.device(), "ref:0");
  EXPECT_EQ(dx.file(), "gradients_test.cc");
  EXPECT_EQ(dx.line(), y.node().line());
  EXPECT_EQ(tanh(x).node().forward_node(), nullptr) << "the scopes end with the call";
}

TEST_F(Gradients, CanBeTakenAgainAndAgain) {
  const Output x = input("x", {}, DType::kFloat64);
  Output y = tanh(x * x) + 3.0 * x;
  for (int order = 1; order <= 5; ++order) {
    y = gradients(y, {x}).at(0);
    ASSERT_TRUE(y.valid()) << "order " << order;
  }
  EXPECT_LT(graph_.num_nodes(), 3000);
}

TEST_F(Gradients, OfALineOfOpsGrowInProportion) {
  const Output x = input("x");
  Output y = x;
  for (int i = 0; i < 20000; ++i) y = tanh(y);  // as deep a line would overflow the stack of a recursive walk
  const int before = graph_.num_nodes();
  gradients(y, {x});
  EXPECT_EQ(graph_.num_nodes() - before, 20001);  // one per tanh, and the ones
}

// --- errors ---

TEST_F(Gradients, AnOpWithoutARuleNamesThePath) {
  const Output image = input("image");
  const Output odd = graph_.add("TestNoRule", {tanh(image, "features")}, {}, "odd");
  const Output loss = reduce_sum(sin(odd, "wave"), {}, false, "loss");
  expect_error(Code::kUnimplemented, "loss -> wave -> odd -> features -> image", [&] { gradients(loss, {image}); });
  expect_error(Code::kUnimplemented, "[TestNoRule 'odd' at gradients_test.cc:", [&] { gradients(loss, {image}); });
  expect_error(Code::kUnimplemented, "gradient_registry().add(\"TestNoRule\", rule)",
               [&] { gradients(loss, {image}); });
}

TEST_F(Gradients, AnOpWithoutARuleBesideThePathDoesNoHarm) {
  const Output x = input("x"), other = input("other");
  const Output y = x * graph_.add("TestNoRule", {other}, {}, "") + stop_gradient(graph_.add("TestNoRule", {x}, {}, ""));
  EXPECT_TRUE(gradients(y, {x})[0].valid());
}

TEST_F(Gradients, ScopesEndWhenARuleIsMissing) {
  const Output x = input("x");
  const Output odd = graph_.add("TestNoRule", {x}, {}, "odd");
  EXPECT_THROW(gradients(odd, {x}), Error);
  const Output after = tanh(x, "after");
  EXPECT_EQ(after.name(), "after");
  EXPECT_EQ(after.node().forward_node(), nullptr);
}

TEST_F(Gradients, RefuseIntegers) {
  const Output x = input("x");
  const Output whole = cast(x, DType::kInt32, "whole");
  expect_error(Code::kInvalidArgument, "floating y; 'whole' is int32 [2,3]", [&] { gradients(whole, {x}); });
  expect_error(Code::kInvalidArgument, "floating x; 'whole' is int32 [2,3]", [&] { gradients(x, {whole}); });
}

TEST_F(Gradients, RefuseNothingsAndOtherGraphs) {
  const Output x = input("x");
  Graph other;
  const Output stranger = placeholder(other, DType::kFloat32, {2, 3}, "stranger");
  expect_error(Code::kInvalidArgument, "at least one y", [&] { gradients(std::vector<Output>{}, {x}); });
  expect_error(Code::kInvalidArgument, "at least one x", [&] { gradients(x, {}); });
  expect_error(Code::kInvalidArgument, "xs[1] refers to nothing", [&] { gradients(x, {x, Output()}); });
  expect_error(Code::kInvalidArgument, "'stranger' belongs to another graph", [&] { gradients(x, {stranger}); });
  expect_error(Code::kInvalidArgument, "'stranger' belongs to another graph", [&] { gradients(x, {x}, stranger); });
}

TEST_F(Gradients, RefuseAGradYOfAnotherShapeDTypeOrNumber) {
  const Output x = input("x");
  const std::vector<Output> ys = {x};
  expect_error(Code::kInvalidArgument, "must be float32 [2,3] like y; got float32 [3]",
               [&] { gradients(x, {x}, input("a", {3})); });
  expect_error(Code::kInvalidArgument, "got float64 [2,3]", [&] {
    gradients(x, {x}, input("b", {2, 3}, DType::kFloat64));
  });
  expect_error(Code::kInvalidArgument, "one grad_y per y; got 2 for 1", [&] { gradients(ys, {x}, {x, x}); });
}

TEST_F(Gradients, ARuleOfAWrongShapeIsFound) {
  const Output x = input("x");
  const Output y = graph_.add("TestWrongShape", {x}, {}, "wrong");
  expect_error(Code::kInvalidArgument,
               "must be float32 [2,3] like the input; the rule of TestWrongShape returned float32 []",
               [&] { gradients(y, {x}); });
}

TEST(GradientRegistry, RefusesASecondRuleAndANoneWithoutReason) {
  expect_error(Code::kInvalidArgument, "has a gradient",
               [] { gradient_registry().add("Tanh", [](GradientContext&) {}); });
  expect_error(Code::kInvalidArgument, "say why", [] { gradient_registry().add_none("NeverRegistered", ""); });
}

}  // namespace
}  // namespace gradus
