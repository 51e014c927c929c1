// gradients() for an x that no y depends on: "none", which says why when it is used, or zeros.
#include <gtest/gtest.h>

#include <functional>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/scopes.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

class UnconnectedGradients : public ::testing::Test {
 protected:
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {2, 3}, "x");
  const Output lonely = placeholder(graph, DType::kFloat32, {-1, 4}, "lonely");
  const Output y = reduce_sum(tanh(x), {}, false, "loss");
};

TEST_F(UnconnectedGradients, SayWhichXHadNoPathAndWhereItWasAskedFor) {
  const std::vector<Output> grads = gradients(y, {x, lonely});
  const std::string asked = "gradients() at unconnected_test.cc:" + std::to_string(__LINE__ - 1);
  const std::string made = "[Placeholder 'lonely' at unconnected_test.cc:";
  EXPECT_TRUE(grads[0].valid());
  EXPECT_FALSE(grads[1].valid());
  EXPECT_TRUE(grads[1].is_absent());
  const std::vector<std::function<void()>> uses = {
      [&] { (void)grads[1].shape(); }, [&] { (void)(grads[1] * 2.0); },         [&] { (void)relu(grads[1]); },
      [&] { (void)(x + grads[1]); },   [&] { (void)gradients(grads[1], {x}); }, [&] { (void)gradients(y, {grads[1]}); },
      [&] { (void)group({grads[1]}); }};
  for (const auto& use : uses) {
    for (const std::string& part :
         {asked, std::string("by x 'lonely'"), made, std::string("to y 'loss'"), std::string("Unconnected::kZeros")}) {
      expect_error(Code::kInvalidArgument, part, use);
    }
  }
  expect_error(Code::kInvalidArgument, "[Mul 'Mul' at unconnected_test.cc:", uses[1]);
}

TEST_F(UnconnectedGradients, OfSeveralYsNameTheFirstAndCountTheOthers) {
  const std::vector<Output> ys = {y, sin(x), cos(x)};
  expect_error(Code::kInvalidArgument, "to y 'loss' or the 2 other ys",
               [&] { (void)gradients(ys, {lonely})[0].name(); });
}

TEST_F(UnconnectedGradients, BehindStopGradientAndIntegersAreNoneToo) {
  EXPECT_TRUE(gradients(stop_gradient(x), {x})[0].is_absent());
  EXPECT_TRUE(gradients(cast(cast(x, DType::kInt32), DType::kFloat32), {x})[0].is_absent());
}

TEST_F(UnconnectedGradients, AreZerosWhereAsked) {
  const std::vector<Output> grads = gradients(y, {x, lonely}, {}, Unconnected::kZeros);
  EXPECT_EQ(grads[0].node().op(), "TanhGrad") << "a gradient that there is stays as it is";
  EXPECT_EQ(grads[1].shape(), (Shape{-1, 4}));
  EXPECT_EQ(grads[1].dtype(), DType::kFloat32);
  EXPECT_EQ(grads[1].node().op(), "ZerosLike");
  EXPECT_EQ(grads[1].name(), "gradients/lonely/ZerosLike");
  EXPECT_EQ(grads[1].node().line(), lonely.node().line());
  const std::vector<Output> ys = {sin(x)};
  EXPECT_EQ(gradients(ys, {lonely}, {}, Unconnected::kZeros)[0].node().op(), "ZerosLike");
}

TEST_F(UnconnectedGradients, ZerosOfAKnownShapeNeedNothingOfX) {
  const Output known = placeholder(graph, DType::kFloat16, {5}, "known");
  const Output zeros = gradients(y, {known}, {}, Unconnected::kZeros)[0];
  EXPECT_EQ(zeros.shape(), (Shape{5}));
  EXPECT_EQ(zeros.dtype(), DType::kFloat16);
  for (const Output& input : zeros.node().inputs()) EXPECT_EQ(input.node().op(), "Constant");
}

TEST_F(UnconnectedGradients, MayBeDifferentiatedAgain) {
  const Output zeros = gradients(y, {lonely}, {}, Unconnected::kZeros)[0];
  EXPECT_TRUE(gradients(reduce_sum(zeros), {lonely})[0].is_absent());
  EXPECT_TRUE(gradients(reduce_sum(zeros), {lonely}, {}, Unconnected::kZeros)[0].valid());
}

// It would have stood for ones.
TEST_F(UnconnectedGradients, AreNoGradY) {
  const Output none = gradients(y, {lonely})[0];
  expect_error(Code::kInvalidArgument, "the grad_y of 'loss' is none", [&] { gradients(y, {x}, none); });
  expect_error(Code::kInvalidArgument, "by x 'lonely'", [&] { gradients(y, {x}, none); });
  const std::vector<Output> ys = {y, y};
  expect_error(Code::kInvalidArgument, "the grad_y of 'loss' is none", [&] { gradients(ys, {x}, {Output(), none}); });
  EXPECT_TRUE(gradients(y, {x}, Output())[0].valid());
}

TEST_F(UnconnectedGradients, ErrorsNameTheLineOfTheCall) {
  const auto wrong = [&] { gradients(y, {}); };
  expect_error(Code::kInvalidArgument, "[gradients 'loss' at unconnected_test.cc:" + std::to_string(__LINE__ - 1) + "]",
               wrong);
  expect_error(Code::kInvalidArgument,
               "[gradients 'gradients' at unconnected_test.cc:", [&] { gradients(Output(), {x}); });
}

TEST_F(UnconnectedGradients, AnOutputWithoutGradientSaysSoInTheRule) {
  // Of Dropout's two results only y is used.
  const Output z = reduce_sum(dropout(x, 0.5));
  op_registry().add({.name = "TestTwoResults", .inputs = {"x"}, .outputs = {"y", "mask"}, .shape = [](ShapeContext& c) {
                       for (int i : {0, 1}) c.set_output(i, c.input_dtype(0), c.input_shape(0));
                     }});
  gradient_registry().add("TestTwoResults", [](GradientContext& c) { c.set(0, c.grad(0) + c.grad(1)); });
  const Output two = graph.add("TestTwoResults", {x}, {}, "two");
  EXPECT_TRUE(gradients(z, {x})[0].valid());
  const std::string where = "[TestTwoResults 'two' at unconnected_test.cc:";
  for (const std::string& part :
       {std::string("no gradient arrived for output 1 of ") + where, std::string("c.grad_or_zeros(1) gives zeros"),
        std::string("(in the gradient rule of TestTwoResults)")}) {
    expect_error(Code::kInvalidArgument, part, [&] { gradients(two, {x}); });
  }
}

}  // namespace
}  // namespace gradus
