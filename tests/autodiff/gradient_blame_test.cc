// After a failed check, the node whose rule is wrong is named, not the x at the other end of the graph.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "gradus/autodiff/check/check_gradients.h"
#include "gradus/autodiff/gradients.h"
#include "gradus/graph/scopes.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/losses.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/custom_gradient.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/test_ops.h"

namespace gradus {
namespace {

using Outputs = std::vector<Output>;

double twice(double x) { return 2 * x; }
double times(double x, double y) { return x * y; }
double cube(double x) { return x * x * x; }
double three_square_times(double x, double dy) { return 3 * x * x * dy; }

const bool blame_ops_registered = [] {
  // 4 dy for 2 dy.
  register_test_op("BlameTwice", {"x"}, unary_test_kernel<twice>);
  gradient_registry().add("BlameTwice", [](GradientContext& c) { c.set(0, 4.0 * c.grad()); });
  // Right for a, the wrong sign for b.
  register_test_op("BlameTimes", {"a", "b"}, binary_test_kernel<times>);
  gradient_registry().add("BlameTimes", [](GradientContext& c) {
    c.set(0, c.grad() * c.input(1));
    c.set(1, -(c.grad() * c.input(0)));
  });
  // Builds no node at all: dy for 2 dy.
  register_test_op("BlamePassesOn", {"x"}, unary_test_kernel<twice>);
  gradient_registry().add("BlamePassesOn", [](GradientContext& c) { c.set(0, c.grad()); });
  register_test_op("BlameStops", {"x"}, unary_test_kernel<twice>);
  gradient_registry().add_none("BlameStops", "planted: it has one");
  register_test_op("BlameUnset", {"a", "b"}, binary_test_kernel<times>);
  gradient_registry().add("BlameUnset", [](GradientContext& c) { c.set(0, c.grad() * c.input(1)); });
  // x^3 with a right rule, which uses an op whose own rule is wrong: 3 x dy for 6 x dy.
  register_test_op("BlameCubeGrad", {"x", "dy"}, binary_test_kernel<three_square_times>);
  gradient_registry().add("BlameCubeGrad", [](GradientContext& c) {
    if (c.needs(0)) c.set(0, 3.0 * c.grad() * c.input(0) * c.input(1));
    if (c.needs(1)) c.set(1, 3.0 * c.grad() * square(c.input(0)));
  });
  register_test_op("BlameCube", {"x"}, unary_test_kernel<cube>);
  gradient_registry().add("BlameCube", [](GradientContext& c) {
    c.set(0, c.graph().add("BlameCubeGrad", {c.input(0), c.grad()}, {}, ""));
  });
  return true;
}();

class Blame : public ::testing::Test {
 protected:
  Output input(const char* name, const Shape& shape) { return placeholder(graph_, DType::kFloat32, shape, name); }
  Output wrong(const char* op, const Outputs& inputs, const char* name) {
    line_ = __LINE__ + 1;
    return graph_.add(op, inputs, {}, name);
  }
  Graph graph_;
  int line_ = 0;
};

// All that is blamed for x, "name:operand", from y to x.
std::vector<std::string> blamed(const GradientReport& report, const std::string& x, int order = 1) {
  std::vector<std::string> result;
  for (const GradientCheck& check : report.checks) {
    if (check.x != x || check.order != order || check.verdict != Verdict::kFail) continue;
    for (const GradientBlame& blame : check.to_blame) result.push_back(blame.node + ":" + blame.operand);
    return result;
  }
  return {"no failed check of " + x + " in " + report.to_string()};
}
using Names = std::vector<std::string>;

// The text with its broken lines joined.
std::string flat(const GradientReport& report) {
  return std::regex_replace(report.to_string(), std::regex("\\n +"), " ");
}

// --- one wrong rule among right ones ---

TEST_F(Blame, AWrongRuleBetweenTwoConvolutionsIsNamedWithItsLine) {
  const Output image = input("image", {1, 5, 5, 2}), w1 = input("c1/filter", {3, 3, 2, 3}),
               w2 = input("c2/filter", {3, 3, 3, 2});
  const Output middle = wrong("BlameTwice", {conv2d(image, w1, {}, "c1/conv")}, "middle");
  const Output loss = reduce_mean(square(conv2d(middle, w2, {}, "c2/conv")), {}, false, "loss");
  const GradientReport report = check_gradients(loss, {image, w1, w2}, {.order = 1});
  EXPECT_FALSE(report.ok());
  for (const char* x : {"image", "c1/filter"}) EXPECT_EQ(blamed(report, x), Names{"middle:x"}) << report;
  EXPECT_TRUE(report.checks[2].verdict == Verdict::kPass && report.checks[2].to_blame.empty())
      << "above the mistake" << report;
  const GradientBlame& blame = report.checks[0].to_blame.at(0);
  EXPECT_EQ(blame.op, "BlameTwice");
  EXPECT_EQ(blame.file, "gradient_blame_test.cc");
  EXPECT_EQ(blame.line, line_);
  EXPECT_NEAR(blame.gradient / blame.finite_difference, 2.0, 1e-6);
  EXPECT_NE(blame.reason.find("the rule of BlameTwice is wrong for 'x'"), std::string::npos) << report;
  EXPECT_NE(blame.reason.find("it is 2 times as large everywhere"), std::string::npos) << report;
  const std::string line = "to blame: [BlameTwice 'middle' at gradient_blame_test.cc:" + std::to_string(line_) + "]";
  EXPECT_NE(flat(report).find(line), std::string::npos) << report;
  EXPECT_EQ(nlohmann::json::parse(report.to_json())["checks"][0]["to_blame"][0]["node"], "middle");
}

TEST_F(Blame, FirstMiddleOrLastOfAChain) {
  for (int at = 0; at < 5; ++at) {
    Graph graph;
    const Output x = placeholder(graph, DType::kFloat64, {3}, "x");
    Output y = x;
    for (int i = 0; i < 5; ++i) y = i == at ? graph.add("BlameTwice", {y}, {}, "wrong") : tanh(y);
    for (const int runs : {2000, 0}) {  // the whole Jacobian, and projections
      const GradientReport report = check_gradients(y, {x}, {.order = 1, .max_runs = runs});
      EXPECT_EQ(blamed(report, "x"), Names{"wrong:x"}) << at << "\n" << report;
    }
  }
}

TEST_F(Blame, OneOfSeveralInputs) {
  const Output a = input("a", {2, 3}), b = input("b", {2, 3});
  const Output y = tanh(wrong("BlameTimes", {sin(a), exp(b)}, "product"));
  const GradientReport report = check_gradients(y, {a, b}, {.order = 1});
  EXPECT_EQ(report.checks[0].verdict, Verdict::kPass) << report;
  EXPECT_EQ(blamed(report, "b"), Names{"product:b"}) << report;
  EXPECT_NE(flat(report).find("it has the wrong sign everywhere"), std::string::npos) << report;
}

TEST_F(Blame, OneTensorForBothInputs) {
  const Output x = input("x", {3});
  const Output h = sin(x);
  const GradientReport report = check_gradients(exp(wrong("BlameTimes", {h, h}, "square")), {x}, {.order = 1});
  EXPECT_EQ(blamed(report, "x"), Names{"square:b"}) << report;
}

TEST_F(Blame, TwoAtOnceFromYToX) {
  const Output x = input("x", {3});
  const Output y = tanh(wrong("BlameTimes", {cos(wrong("BlameTwice", {sin(x)}, "first")), exp(x)}, "second"));
  const GradientReport report = check_gradients(y, {x}, {.order = 1});
  EXPECT_EQ(blamed(report, "x"), (Names{"second:b", "first:x"})) << report;
}

TEST_F(Blame, ARuleThatBuildsNoNode) {
  const Output x = input("x", {3});
  const GradientReport report = check_gradients(exp(wrong("BlamePassesOn", {sin(x)}, "passes_on")), {x}, {.order = 1});
  EXPECT_EQ(blamed(report, "x"), Names{"passes_on:x"}) << report;
}

// --- no gradient where there is one ---

TEST_F(Blame, AnOpThatStopsTheGradient) {
  const Output x = input("x", {3});
  const GradientReport report = check_gradients(exp(wrong("BlameStops", {sin(x)}, "stops")), {x}, {.order = 1});
  EXPECT_EQ(blamed(report, "x"), Names{"stops:x"}) << report;
  EXPECT_NE(flat(report).find("BlameStops stops the gradient (\"planted: it has one\")"), std::string::npos) << report;
  const GradientReport beside = check_gradients(x * stop_gradient(x, "held"), {x}, {.order = 1});
  EXPECT_EQ(blamed(beside, "x"), Names{"held:x"}) << beside;
}

TEST_F(Blame, ARuleThatForgetsAnInput) {
  const Output a = input("a", {3}), b = input("b", {3});
  const GradientReport report = check_gradients(sin(wrong("BlameUnset", {a, tanh(b)}, "unset")), {a, b}, {.order = 1});
  EXPECT_EQ(report.checks[0].verdict, Verdict::kPass) << report;
  EXPECT_EQ(blamed(report, "b"), Names{"unset:b"}) << report;
  EXPECT_NE(flat(report).find("gives no gradient for 'b', but the result changes with it"), std::string::npos)
      << report;
}

// --- gradients that a user wrote ---

TEST_F(Blame, ACustomGradientByItsBackwardFunction) {
  const Output x = input("x", {3}), w = variable(graph_, Tensor::from<float>({0.5f, 1.5f, 2.0f}), "w");
  const Output outer = exp(w);  // what forward uses beside its inputs
  const Output y = custom_gradient(
      {sin(x), tanh(x)},
      [&](const Outputs& in) {
        return Outputs{in[0] * outer, in[0] * in[1]};
      },
      [](const Outputs& in, const Outputs&, const Outputs& dy) {
        return Outputs{dy[1] * in[1], dy[1] * in[0]};  // forgets in[0] * outer
      },
      "custom")[0];
  const GradientReport report = check_gradients(square(y), {x}, {.order = 1});
  EXPECT_EQ(blamed(report, "x"), Names{"custom:inputs[0]"}) << report;
  EXPECT_NE(flat(report).find("its backward function is wrong for 'inputs[0]'"), std::string::npos) << report;
}

TEST_F(Blame, NotARightCustomGradient) {
  const Output x = input("x", {3});
  const auto right = [](const Outputs& in) {
    return custom_gradient(
        in, [](const Outputs& i) { return Outputs{sin(i[0])}; },
        [](const Outputs& i, const Outputs&, const Outputs& dy) { return Outputs{dy[0] * cos(i[0])}; }, "right")[0];
  };
  const GradientReport report = check_gradients(right({wrong("BlameTwice", {right({x})}, "wrong")}), {x}, {.order = 1});
  EXPECT_EQ(blamed(report, "x"), Names{"wrong:x"}) << report;
}

// --- the second order ---

TEST_F(Blame, TheRuleOfAnOpThatAnotherRuleUses) {
  const Output x = input("x", {3});
  const Output y = sin(wrong("BlameCube", {tanh(x)}, "cubed"));
  const GradientReport report = check_gradients(y, {x}, {.order = 2});
  EXPECT_EQ(report.checks[0].verdict, Verdict::kPass) << report;
  EXPECT_EQ(blamed(report, "x", 2), Names{"gradients/cubed/BlameCubeGrad:x"}) << report;
  EXPECT_NE(flat(report).find("(made by the rule of BlameCube for 'cubed')"), std::string::npos) << report;
}

TEST_F(Blame, AWrongRuleAtBothOrders) {
  const Output x = input("x", {3});
  const GradientReport report = check_gradients(exp(wrong("BlameTwice", {sin(x)}, "wrong")), {x}, {.order = 2});
  for (const int order : {1, 2}) EXPECT_EQ(blamed(report, "x", order), Names{"wrong:x"}) << report;
}

// The right rules of layers are not blamed along with a wrong one, at either order: batch norm has several results, ReluGrad and
// MaxPoolGrad take forward values as operands.
TEST_F(Blame, NoneOfTheRightRulesOfANetwork) {
  const Output images = input("images", {3, 6, 6, 2}), labels = placeholder(graph_, DType::kInt32, {3}, "labels");
  Output h = nn::conv2d(images, {.filters = 3}, "conv");
  h = relu(nn::batch_norm(h, {.training = true}, "bn"));
  h = wrong("BlameTwice", {nn::max_pool2d(h, {.size = 2}, "pool")}, "wrong");
  h = nn::dense(nn::flatten(h), {.units = 4}, "fc");
  const Output loss = nn::sparse_softmax_loss(labels, h, {.label_smoothing = 0.1});
  const GradientReport report = check_gradients(
      loss,
      {images, graph_.find_output("conv/kernel"), graph_.find_output("bn/gamma"), graph_.find_output("fc/kernel")},
      {.order = 2, .feeds = {{labels, Tensor::from<std::int32_t>({1, 3, 0})}}, .max_runs = 500});
  EXPECT_FALSE(report.ok());
  std::set<std::string> names;
  for (const GradientCheck& check : report.checks) {
    if (check.verdict != Verdict::kFail) continue;
    EXPECT_FALSE(check.to_blame.empty()) << GradientReport{{check}};
    for (const GradientBlame& blame : check.to_blame) names.insert(blame.node);
  }
  EXPECT_EQ(names, std::set<std::string>{"wrong"}) << report;
}

// --- values ---

TEST_F(Blame, TheNodeThatMakesANaN) {
  const Output x = input("x", {2});
  const Feeds feeds = {{x, Tensor::from<float>({0.5f, 2.0f})}};
  const GradientReport report = check_gradients(exp(log(1.0 - x, "bad_log")), {x}, {.order = 1, .feeds = feeds});
  EXPECT_EQ(blamed(report, "x"), Names{"bad_log:"}) << report;
  EXPECT_NE(flat(report).find("its result has a NaN, its operands have none"), std::string::npos) << report;
}

TEST_F(Blame, TheRuleThatGivesAnInfinityWhichAnotherTurnsIntoNaN) {
  const Output x = input("x", {2});
  const Feeds feeds = {{x, Tensor::from<float>({0.0f, 2.0f})}};
  const GradientReport report = check_gradients(square(sqrt(square(x), "root")), {x}, {.order = 1, .feeds = feeds});
  EXPECT_EQ(blamed(report, "x"), Names{"root:x"}) << report;
}

TEST_F(Blame, TheNodeThatChangesFromRunToRun) {
  const Output x = input("x", {2}), v = variable(graph_, Tensor::full(DType::kFloat32, {2}, 1.0), "v");
  const GradientReport report = check_gradients(sin(x) * assign_add(v, x, "counts"), {x}, {.order = 1});
  EXPECT_EQ(blamed(report, "x"), Names{"counts:"}) << report;
}

// --- the report ---

TEST_F(Blame, LinesAreShortAndUnnamedOutputsAreExplained) {
  const Output x = placeholder(graph_, DType::kFloat32, {2, 6, 6, 3});
  Output h = x;
  for (int i = 0; i < 3; ++i) {
    const NameScope scope(graph_, "a_scope_with_a_long_name_" + std::to_string(i));
    h = nn::conv2d(h, {.filters = 2}, "another_long_scope_name");
  }
  const Output loss = reduce_mean(square(wrong("BlameTwice", {h}, "wrong")));
  const int line = __LINE__ - 1;
  Outputs xs = graph_.collection(kTrainableVariables);
  xs.push_back(x);
  const GradientReport report = check_gradients(loss, xs, {.order = 2});
  EXPECT_FALSE(report.ok());
  EXPECT_EQ(report.checks[0].y, "loss");
  const std::string text = report.to_string();
  EXPECT_TRUE(
      text.starts_with("loss: [Mean 'Mean' at gradient_blame_test.cc:" + std::to_string(line) + "]\nPlaceholder: "))
      << text;
  std::istringstream lines(text);
  for (std::string one; std::getline(lines, one);) EXPECT_LE(one.size(), 120u) << one;
  EXPECT_EQ(check_gradients(sin(x), {x}, {.order = 1}).checks[0].y, "y") << "no scalar";
}

TEST_F(Blame, ARightModelIsNotJudged) {
  const Output x = input("x", {2, 3});
  const GradientReport report = check_gradients(reduce_sum(tanh(nn::dense(x, {.units = 2}, "fc"))), {x}, {.order = 2});
  EXPECT_TRUE(report.ok()) << report;
  for (const GradientCheck& check : report.checks) EXPECT_TRUE(check.to_blame.empty());
}

}  // namespace
}  // namespace gradus
