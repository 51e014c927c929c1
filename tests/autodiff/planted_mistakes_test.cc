// Mistakes that real frameworks have had, planted: the checker must find and name each.
#include "gradus/autodiff/check/check_gradients.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/scopes.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/custom_gradient.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/softmax.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"
#include "tests/support/test_ops.h"

namespace gradus {
namespace {

using Outputs = std::vector<Output>;

double cubed(double x) { return x * x * x; }
double not_a_number_above_one(double x) { return x > 1 ? std::numeric_limits<double>::quiet_NaN() : x; }

const bool planted_ops_registered = [] {
  register_test_op("TestCubeTwice", {"x"}, unary_test_kernel<cubed>);
  gradient_registry().add("TestCubeTwice", [](GradientContext& c) { c.set(0, 6.0 * c.grad() * square(c.input(0))); });
  // y' is right, y'' is not: the rule hides x from the second derivative.
  register_test_op("TestCubeFlat", {"x"}, unary_test_kernel<cubed>);
  gradient_registry().add("TestCubeFlat",
                          [](GradientContext& c) { c.set(0, 3.0 * c.grad() * square(stop_gradient(c.input(0)))); });
  register_test_op("TestCubeNone", {"x"}, unary_test_kernel<cubed>);
  gradient_registry().add_none("TestCubeNone", "planted: there is one");
  register_test_op("TestCubeForgotten", {"x"}, unary_test_kernel<cubed>);
  register_test_op("TestNaN", {"x"}, unary_test_kernel<not_a_number_above_one>);
  gradient_registry().add("TestNaN", [](GradientContext& c) { c.set(0, c.grad()); });
  return true;
}();

class PlantedMistakes : public ::testing::Test {
 protected:
  Output input(const char* name, const Shape& shape, DType dtype = DType::kFloat64) {
    return placeholder(graph_, dtype, shape, name);
  }
  // y = f(x) with a gradient of the test's own.
  static Output planted(const Outputs& inputs, const CustomForward& forward, CustomBackward backward) {
    return custom_gradient(inputs, forward, std::move(backward), "planted")[0];
  }
  Graph graph_;
};

const GradientCheck& find_check(const GradientReport& report, const std::string& x, int order = 1) {
  for (const GradientCheck& check : report.checks) {
    if (check.x == x && check.order == order) return check;
  }
  throw not_found("no check of '" + x + "' in\n" + report.to_string());
}

TEST_F(PlantedMistakes, FindsAFactorOfTwoAndSaysSo) {
  const Output x = input("x", {3});
  const GradientReport report = check_gradients(graph_.add("TestCubeTwice", {x}, {}, "y"), {x}, {.order = 1});
  EXPECT_FALSE(report.ok());
  const GradientCheck& check = find_check(report, "x");
  EXPECT_NEAR(check.analytic / check.numeric, 2.0, 1e-6);
  EXPECT_NE(check.reason.find("it is 2 times as large everywhere"), std::string::npos) << report;
  ASSERT_EQ(check.x_index.size(), 1u);
  EXPECT_EQ(check.x_index, check.y_index) << "the Jacobian of an element-wise op is diagonal";
}

TEST_F(PlantedMistakes, FindsAWrongSign) {
  const Output x = input("x", {3});
  const Output y = planted(
      {x}, [](const Outputs& in) { return Outputs{sin(in[0])}; },
      [](const Outputs& in, const Outputs&, const Outputs& dy) { return Outputs{-(dy[0] * cos(in[0]))}; });
  const GradientReport report = check_gradients(y, {x}, {.order = 1});
  EXPECT_FALSE(report.ok());
  EXPECT_NE(find_check(report, "x").reason.find("the wrong sign everywhere"), std::string::npos) << report;
}

TEST_F(PlantedMistakes, FindsAMistakeInTheFirstOfSeveralInputs) {
  const Output a = input("a", {2, 2}), b = input("b", {2, 2}), c = input("c", {2, 2});
  const Output y = planted(
      {a, b, c}, [](const Outputs& in) { return Outputs{in[0] * in[1] + in[2]}; },
      [](const Outputs& in, const Outputs&, const Outputs& dy) {
        return Outputs{1.01 * dy[0] * in[1], dy[0] * in[0], dy[0]};
      });
  const GradientReport report = check_gradients(y, {a, b, c}, {.order = 1});
  EXPECT_FALSE(report.ok());
  EXPECT_EQ(find_check(report, "a").verdict, Verdict::kFail);
  EXPECT_EQ(find_check(report, "b").verdict, Verdict::kPass);
  EXPECT_EQ(find_check(report, "c").verdict, Verdict::kPass);
  EXPECT_EQ(report.worst()->x, "a");
}

TEST_F(PlantedMistakes, FindsOneWrongElementInFullAndByHalving) {
  for (const std::int64_t size : {7, 3000}) {
    Graph graph;
    const Output x = placeholder(graph, DType::kFloat64, {size}, "x");
    std::vector<double> factors(static_cast<std::size_t>(size), 1.0);
    const std::int64_t wrong = size - 2;
    factors[static_cast<std::size_t>(wrong)] = 0.9;
    const Output y = planted(
        {x}, [](const Outputs& in) { return Outputs{reduce_sum(square(in[0]))}; },
        [factors](const Outputs& in, const Outputs&, const Outputs& dy) {
          return Outputs{2.0 * dy[0] * in[0] * constant(in[0].graph(), factors)};
        });
    const GradientReport report = check_gradients(y, {x}, {.order = 1, .seed = 3});
    const GradientCheck& check = find_check(report, "x");
    EXPECT_EQ(check.full, size == 7);
    EXPECT_EQ(check.verdict, Verdict::kFail) << report;
    EXPECT_EQ(check.x_index, std::vector<std::int64_t>{wrong}) << report;
    EXPECT_NEAR(check.analytic / check.numeric, 0.9, 1e-6);
  }
}

TEST_F(PlantedMistakes, FindsASmallMistakeInOneElementAtEveryScaleOfX) {
  for (const double scale : {1e-8, 1e-4, 1.0, 1e4, 1e8}) {
    for (const double mistake : {1.0, -1e-2, 1e-4}) {
      const Output x = input("x", {3});
      const Output y = planted(
          {x}, [](const Outputs& in) { return Outputs{0.5 * square(in[0])}; },
          [mistake](const Outputs& in, const Outputs&, const Outputs& dy) {
            return Outputs{dy[0] * in[0] * constant(in[0].graph(), std::vector<double>{1.0, 1.0 + mistake, 1.0})};
          });
      const Tensor values = Tensor::from<double>({0.7 * scale, 1.3 * scale, 2.1 * scale});
      const GradientReport report = check_gradients(y, {x}, {.order = 1, .feeds = {{x, values}}});
      EXPECT_EQ(report.checks[0].verdict, Verdict::kFail) << mistake << " at " << scale << "\n" << report;
      EXPECT_EQ(report.checks[0].x_index, std::vector<std::int64_t>{1}) << report;
    }
  }
}

// The size of an inner result excuses rounding errors only where there are some.
TEST_F(PlantedMistakes, FindsASmallMistakeBesideAHugeMaskedValue) {
  const Output x = input("x", {3});
  const Output y = planted(
      {x},
      [](const Outputs& in) {
        const Output mask = constant(in[0].graph(), std::vector<double>{0.0, 0.0, -1e9});
        return Outputs{reduce_sum(softmax(in[0] + mask) * in[0])};
      },
      [](const Outputs& in, const Outputs&, const Outputs& dy) {
        const Output mask = constant(in[0].graph(), std::vector<double>{0.0, 0.0, -1e9});
        const Output p = softmax(in[0] + mask);
        return Outputs{(1.0 + 1e-4) * dy[0] * p * (1.0 + in[0] - reduce_sum(p * in[0]))};
      });
  EXPECT_FALSE(check_gradients(y, {x}, {.order = 1}).ok());
}

TEST_F(PlantedMistakes, FindsATransposedGradient) {
  const Output x = input("x", {3, 3}), w = input("w", {3, 3});
  const Output y = planted(
      {x, w}, [](const Outputs& in) { return Outputs{matmul(in[0], in[1])}; },
      [](const Outputs& in, const Outputs&, const Outputs& dy) {
        return Outputs{matmul(dy[0], in[1]), matmul(in[0], dy[0], {.transpose_a = true})};
      });
  const GradientReport report = check_gradients(y, {x, w}, {.order = 1});
  EXPECT_EQ(find_check(report, "x").verdict, Verdict::kFail) << report;
  EXPECT_EQ(find_check(report, "w").verdict, Verdict::kPass) << report;
}

TEST_F(PlantedMistakes, FindsAnIgnoredDilation) {
  const Output image = input("image", {1, 7, 6, 2}), filter = input("filter", {3, 2, 2, 3});
  Conv2DAttrs attrs;
  attrs.padding = Padding::kSame;
  attrs.dilations = {1, 2, 1, 1};
  const Output y = planted(
      {image, filter}, [attrs](const Outputs& in) { return Outputs{conv2d(in[0], in[1], attrs)}; },
      [attrs](const Outputs& in, const Outputs&, const Outputs& dy) {
        Conv2DAttrs forgot = attrs;
        forgot.dilations = {1, 1, 1, 1};
        Graph& graph = in[0].graph();
        const Output sizes = constant(graph, std::vector<std::int32_t>{1, 7, 6, 2});
        const Output filter_sizes = constant(graph, std::vector<std::int32_t>{3, 2, 2, 3});
        return Outputs{conv2d_backprop_input(sizes, in[1], dy[0], attrs),
                       conv2d_backprop_filter(in[0], filter_sizes, dy[0], forgot)};
      });
  const GradientReport report = check_gradients(y, {image, filter}, {.order = 1});
  EXPECT_EQ(find_check(report, "image").verdict, Verdict::kPass) << report;
  EXPECT_EQ(find_check(report, "filter").verdict, Verdict::kFail) << report;
}

TEST_F(PlantedMistakes, FindsAMistakeOfTheSecondOrderOnly) {
  const Output x = input("x", {3});
  const Output y = graph_.add("TestCubeFlat", {x}, {}, "y");
  EXPECT_TRUE(check_gradients(y, {x}, {.order = 1}).ok());
  const GradientReport report = check_gradients(y, {x}, {.order = 2});
  EXPECT_FALSE(report.ok());
  EXPECT_EQ(find_check(report, "x", 1).verdict, Verdict::kPass) << report;
  const GradientCheck& second = find_check(report, "x", 2);
  EXPECT_EQ(second.y, "d(y)/d(x)");
  EXPECT_EQ(second.verdict, Verdict::kFail) << report;
  EXPECT_EQ(find_check(report, "grad_y(y)", 2).verdict, Verdict::kPass) << report;
}

TEST_F(PlantedMistakes, FindsNoneWhereAGradientExists) {
  const Output x = input("x", {3});
  const GradientReport report = check_gradients(graph_.add("TestCubeNone", {x}, {}, "y"), {x});
  EXPECT_FALSE(report.ok());
  EXPECT_NE(find_check(report, "x").reason.find("gradients() returned none, but y changes with x"), std::string::npos)
      << report;
}

TEST_F(PlantedMistakes, NoneWhereThereIsNoInfluencePasses) {
  const Output x = input("x", {3}), w = input("w", {3});
  const GradientReport report = check_gradients(sin(x), {x, w}, {.order = 1});
  EXPECT_TRUE(report.ok()) << report;
  EXPECT_NE(find_check(report, "w").reason.find("no gradient, and y does not change with x"), std::string::npos)
      << report;
}

TEST_F(PlantedMistakes, FindsAForgottenRule) {
  const Output x = input("x", {3}), w = input("w", {3});
  const GradientReport report =
      check_gradients(graph_.add("TestCubeForgotten", {x}, {}, "odd") * w, {x, w}, {.order = 1});
  EXPECT_FALSE(report.ok());
  EXPECT_NE(find_check(report, "x").reason.find("op TestCubeForgotten has no gradient"), std::string::npos) << report;
  EXPECT_EQ(find_check(report, "w").verdict, Verdict::kPass);
}

TEST_F(PlantedMistakes, NaNIsAFailureOnBothSides) {
  const Output x = input("x", {2});
  const Feeds feeds = {{x, Tensor::from<double>({0.5, 2.0})}};
  const GradientReport forward =
      check_gradients(graph_.add("TestNaN", {x}, {}, "y"), {x}, {.order = 1, .feeds = feeds});
  EXPECT_FALSE(forward.ok());
  EXPECT_NE(forward.checks[0].reason.find("y[1] is nan"), std::string::npos) << forward;

  const Output y = planted(
      {x}, [](const Outputs& in) { return Outputs{sin(in[0])}; },
      [](const Outputs& in, const Outputs&, const Outputs& dy) {
        return Outputs{dy[0] * cos(in[0]) + 0.0 * log(in[0] - 1.0)};
      });
  const GradientReport backward = check_gradients(y, {x}, {.order = 1, .feeds = feeds});
  EXPECT_FALSE(backward.ok());
  EXPECT_NE(backward.checks[0].reason.find("the gradient is"), std::string::npos) << backward;
  EXPECT_TRUE(std::isnan(backward.checks[0].analytic)) << backward;
  EXPECT_TRUE(nlohmann::json::accept(backward.to_json()));
}

TEST_F(PlantedMistakes, FindsAResultThatChangesFromRunToRun) {
  const Output x = input("x", {2}), v = variable(graph_, Tensor::full(DType::kFloat64, {2}, 1.0), "v");
  const GradientReport report = check_gradients(x * assign_add(v, x), {x}, {.order = 1});
  EXPECT_FALSE(report.ok());
  EXPECT_NE(report.checks[0].reason.find("differs between two runs"), std::string::npos) << report;
}

}  // namespace
}  // namespace gradus
