// What is right passes, kinks are named, reports are complete. Planted mistakes: planted_mistakes_test.cc.
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
#include "gradus/ops/fill.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/slice.h"
#include "gradus/ops/softmax.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"
#include "tests/support/test_ops.h"

namespace gradus {
namespace {

using Outputs = std::vector<Output>;

double staircase(double x) { return std::floor(x); }

const bool registered = [] {
  register_test_op("TestFloor", {"x"}, unary_test_kernel<staircase>);
  gradient_registry().add_none("TestFloor", "its derivative is 0 wherever it has one");
  return true;
}();

class CheckGradients : public ::testing::Test {
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

const GradientCheck& find(const GradientReport& report, const std::string& x, int order = 1) {
  for (const GradientCheck& check : report.checks) {
    if (check.x == x && check.order == order) return check;
  }
  throw not_found("no check of '" + x + "' in\n" + report.to_string());
}

// --- what is right passes ---

TEST_F(CheckGradients, RightGradientsPassBothOrdersWithTinyErrors) {
  const Output x = input("x", {3, 4}), w = input("w", {4, 2});
  const Output loss = reduce_sum(square(tanh(matmul(x, w))), {}, false, "loss");
  const GradientReport report = check_gradients(loss, {x, w}, {.order = 2, .seed = 1});
  EXPECT_TRUE(report.ok()) << report;
  // Order 1: x, w. Order 2: for each of the two gradients x, w and the gradient that comes in.
  EXPECT_EQ(report.checks.size(), 8u) << report;
  for (const GradientCheck& c : report.checks) {
    EXPECT_EQ(c.verdict, Verdict::kPass) << report;
    EXPECT_TRUE(c.full);
    EXPECT_LT(c.relative_error, 1e-8);
    EXPECT_EQ(c.dtype, DType::kFloat64);
  }
}

TEST_F(CheckGradients, TheWholeJacobianOfAResultThatIsNoScalarIsCompared) {
  const Output x = input("x", {2, 3});
  const GradientReport report = check_gradients(sin(x), {x}, {.order = 1});
  ASSERT_EQ(report.checks.size(), 1u);
  EXPECT_EQ(report.checks[0].compared, 36);  // 6 x 6
  EXPECT_TRUE(report.ok()) << report;
}

TEST_F(CheckGradients, ThirdOrderWorksLikewise) {
  const Output x = input("x", {2});
  const GradientReport report = check_gradients(exp(x) * sin(x), {x}, {.order = 3});
  EXPECT_TRUE(report.ok()) << report;
  EXPECT_EQ(report.checks.back().order, 3);
}

TEST_F(CheckGradients, LargeJacobiansAreComparedByProjections) {
  const Output image = input("image", {2, 16, 15, 3}), filter = input("filter", {3, 3, 3, 8});
  const Output loss = reduce_sum(square(conv2d(image, filter, {.strides = {1, 2, 1, 1}, .padding = Padding::kSame})),
                                 {}, false, "loss");
  const GradientReport report = check_gradients(loss, {image, filter}, {.order = 2, .seed = 4});
  EXPECT_TRUE(report.ok()) << report;
  EXPECT_FALSE(find(report, "image").full);
  EXPECT_GE(find(report, "image").compared, 8);
}

TEST_F(CheckGradients, GraphsOfFewerBitsAreComputedInFloat64) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16}) {
    const Output x = input("x", {3, 3}, dtype);
    const Output c = constant(graph_, Tensor::full(dtype, {3, 3}, 0.5));
    const Output through_float32 = cast(cast(x * c, DType::kFloat32), dtype);
    const GradientReport report = check_gradients(reduce_mean(tanh(through_float32)), {x});
    EXPECT_TRUE(report.ok()) << report;
    EXPECT_EQ(report.checks[0].dtype, dtype);
    EXPECT_LT(report.worst()->relative_error, 1e-8) << report;
  }
}

TEST_F(CheckGradients, VariablesAndInnerOutputsMayBeXs) {
  const Output w = variable(graph_, Tensor::from<float>(Shape{2}, {0.5f, -0.25f}), "w");
  const Output h = tanh(w, "h");
  const GradientReport report = check_gradients(reduce_sum(h * h * w), {w, h});
  EXPECT_TRUE(report.ok()) << report;
  // d/dw at w = 0.5 of tanh(w)^2 w, through h as well: t^2 + 2 w t (1 - t^2).
  const double t = std::tanh(0.5);
  const GradientReport one = check_gradients(reduce_sum(slice(h * h * w, {0}, {1})), {w}, {.order = 1});
  EXPECT_NEAR(std::max(std::abs(one.checks[0].analytic), 0.0), t * t + t * (1 - t * t), 1e-9) << one;
}

TEST_F(CheckGradients, IntegerOperandsAndOtherFeedsAreTakenAsGiven) {
  const Output x = input("x", {-1, 3}), axis = placeholder(graph_, DType::kInt32, {2}, "shape");
  const Output y = reduce_sum(square(broadcast_to(x, axis)));
  const GradientReport report = check_gradients(
      y, {x},
      {.feeds = {{x, random_normal_tensor(DType::kFloat64, {1, 3}, 1)}, {axis, Tensor::from<std::int32_t>({4, 3})}}});
  EXPECT_TRUE(report.ok()) << report;
}

TEST_F(CheckGradients, RandomOpsDrawTheSameNumbersInEveryRun) {
  const Output x = input("x", {20});
  const Output noise = random_normal(graph_, {20}, {.dtype = DType::kFloat64});
  EXPECT_TRUE(check_gradients(reduce_sum(tanh(x * noise)), {x}).ok());
}

TEST_F(CheckGradients, StepsAreChosenForTheScaleOfX) {
  const Output x = input("x", {4});
  const Tensor values = Tensor::from<double>({1e-3, 1.0, 1e3, 2e4});
  const GradientReport report = check_gradients(log(x), {x}, {.feeds = {{x, values}}});
  EXPECT_TRUE(report.ok()) << report;
  EXPECT_GT(report.checks[0].step, 0);
}

TEST_F(CheckGradients, NoScaleOfXRaisesAFalseAlarm) {
  using Function = Output (*)(const Output&);
  const std::vector<std::pair<const char*, Function>> functions = {
      {"square", [](const Output& x) { return x * x; }},
      {"sin, which does not stretch with x", [](const Output& x) { return sin(x); }},
      {"log, which does", [](const Output& x) { return log(x); }},
      {"linear beside a large constant", [](const Output& x) { return 1000.0 + 3.0 * x; }},
      {"a sum of which nothing is left", [](const Output& x) { return reduce_sum(x - reduce_mean(x)); }},
      {"a sum that is always 1", [](const Output& x) { return reduce_sum(softmax(x)); }},
      {"a small slope beside large values", [](const Output& x) { return reduce_sum(log_softmax(x)); }}};
  for (const double scale : {1e-8, 1e-4, 1.0, 1e4, 1e8}) {
    for (const auto& [name, function] : functions) {
      const Output x = input("x", {4});
      const Tensor values = Tensor::from<double>({0.7 * scale, 1.3 * scale, 2.1 * scale, 0.4 * scale});
      const GradientReport report = check_gradients(function(x), {x}, {.order = 2, .feeds = {{x, values}}});
      for (const GradientCheck& check : report.checks) {
        EXPECT_EQ(check.verdict, Verdict::kPass) << name << " at " << scale << "\n" << report;
      }
    }
  }
}

TEST_F(CheckGradients, ABumpNarrowerThanTheFirstStepsIsNotTakenForAConstant) {
  const Output x = input("x", {1});
  const Output y = exp(-square(x * 1e5));
  EXPECT_TRUE(check_gradients(y, {x}, {.order = 1, .feeds = {{x, Tensor::full(DType::kFloat64, {1}, 3e-6)}}}).ok());
  const Output away = exp(-square((x - 1.0) * 1e5));
  const GradientReport report =
      check_gradients(away, {x}, {.order = 1, .feeds = {{x, Tensor::full(DType::kFloat64, {1}, 1 + 3e-6)}}});
  EXPECT_TRUE(report.ok()) << report;
  EXPECT_LT(report.checks[0].step, 1e-5);
}

TEST_F(CheckGradients, ALossMayBeOneOfTheXs) {
  const Output x = input("x", {2});
  EXPECT_TRUE(check_gradients(x, {x}, {.order = 2}).ok());
}

TEST_F(CheckGradients, DropoutKeepsItsMask) {
  const Output x = input("x", {30});
  const GradientReport report = check_gradients(reduce_sum(square(dropout(tanh(x), 0.5))), {x});
  EXPECT_TRUE(report.ok()) << report;
  EXPECT_GT(std::abs(report.checks[0].analytic), 0.0) << report;
}

TEST_F(CheckGradients, ASteepFunctionGetsASmallerStep) {
  const Output x = input("x", {1});
  const GradientReport report =
      check_gradients(sin(1000.0 * x), {x}, {.order = 1, .feeds = {{x, Tensor::full(DType::kFloat64, {1}, 0.3)}}});
  EXPECT_TRUE(report.ok()) << report;
  EXPECT_LT(report.checks[0].step, 1e-4);
}

TEST_F(CheckGradients, TheSameSeedGivesTheSameReport) {
  const Output x = input("x", {5});
  const Output y = exp(sin(x));
  EXPECT_EQ(check_gradients(y, {x}, {.seed = 7}).to_json(), check_gradients(y, {x}, {.seed = 7}).to_json());
  EXPECT_NE(check_gradients(y, {x}, {.seed = 7}).to_json(), check_gradients(y, {x}, {.seed = 8}).to_json());
}

TEST_F(CheckGradients, TheUsersGraphStaysAsItIs) {
  const Output x = input("x", {5});
  const Output y = exp(sin(x));
  const int before = graph_.num_nodes();
  check_gradients(y, {x});
  EXPECT_EQ(graph_.num_nodes(), before);
}

TEST_F(CheckGradients, ControlDependenciesHaveNoEffect) {
  const Output x = input("x", {2}), v = variable(graph_, Tensor::full(DType::kFloat64, {2}, 1.0), "v");
  Output y;
  {
    const ControlScope after(graph_, {assign_add(v, x)});
    y = sin(x);
  }
  EXPECT_TRUE(check_gradients(y * v, {x}).ok());
}

// --- kinks ---

TEST_F(CheckGradients, KinksAreReportedAsSuch) {
  const Output x = input("x", {3});
  const Feeds feeds = {{x, Tensor::from<double>({-0.5, 0.0, 0.5})}};
  const GradientReport report = check_gradients(relu(x), {x}, {.order = 1, .feeds = feeds});
  EXPECT_TRUE(report.ok()) << report;
  const GradientCheck& check = report.checks[0];
  EXPECT_EQ(check.verdict, Verdict::kKink);
  EXPECT_EQ(check.kinks, 1);
  EXPECT_EQ(check.x_index, std::vector<std::int64_t>{1});
  EXPECT_NE(check.reason.find("slope 0 to the left, 1 to the right"), std::string::npos) << report;
  // abs is symmetric: the central difference alone would see nothing.
  EXPECT_EQ(check_gradients(abs(x), {x}, {.order = 1, .feeds = feeds}).checks[0].verdict, Verdict::kKink);
}

TEST_F(CheckGradients, AGradientOutsideOfBothSlopesOfAKinkFails) {
  const Output x = input("x", {1});
  const Output y = planted(
      {x}, [](const Outputs& in) { return Outputs{relu(in[0])}; },
      [](const Outputs&, const Outputs&, const Outputs& dy) { return Outputs{-1.0 * dy[0]}; });
  const GradientReport report =
      check_gradients(y, {x}, {.order = 1, .feeds = {{x, Tensor::full(DType::kFloat64, {1}, 0.0)}}});
  EXPECT_FALSE(report.ok());
  EXPECT_NE(report.checks[0].reason.find("lies outside of both"), std::string::npos) << report;
}

TEST_F(CheckGradients, AKinkNearbyIsNoProblem) {
  const Output x = input("x", {3});
  const GradientReport report =
      check_gradients(relu(x), {x}, {.order = 1, .feeds = {{x, Tensor::from<double>({1e-5, -3e-5, 2e-4})}}});
  EXPECT_TRUE(report.ok()) << report;
  EXPECT_EQ(report.checks[0].kinks, 0) << report;
}

TEST_F(CheckGradients, AJumpIsNoSlope) {
  const Output x = input("x", {1});
  const GradientReport report = check_gradients(graph_.add("TestFloor", {x}, {}, "y"), {x},
                                                {.order = 1, .feeds = {{x, Tensor::full(DType::kFloat64, {1}, 1.0)}}});
  EXPECT_EQ(report.checks[0].verdict, Verdict::kKink);
  EXPECT_NE(report.to_string().find("1 at a kink"), std::string::npos) << report;
}

// --- the report, and errors ---

TEST_F(CheckGradients, TheReportHasEverythingInTextAndJson) {
  const Output x = input("image", {2, 3}, DType::kFloat32);
  const GradientReport report = check_gradients(reduce_sum(sin(x), {}, false, "loss"), {x}, {.order = 1});
  std::ostringstream text;
  text << report;
  EXPECT_NE(text.str().find("pass order 1  d loss / d image: float32, 6 elements, relative error "), std::string::npos)
      << text.str();
  const auto json = nlohmann::json::parse(report.to_json());
  EXPECT_TRUE(json.at("ok").get<bool>());
  const auto& check = json.at("checks").at(0);
  EXPECT_EQ(check.at("x"), "image");
  EXPECT_EQ(check.at("dtype"), "float32");
  EXPECT_EQ(check.at("verdict"), "pass");
  EXPECT_EQ(check.at("worst").at("x_index").size(), 2u);
  for (const char* field : {"gradient", "finite_difference", "absolute_error", "relative_error", "step"}) {
    EXPECT_TRUE(check.at("worst").at(field).is_number()) << field;
  }
}

TEST_F(CheckGradients, RefusesWhatItCannotCheck) {
  const Output x = input("x", {2}), label = placeholder(graph_, DType::kInt32, {2}, "label"),
               open = input("open", {-1});
  expect_error(Code::kInvalidArgument, "needs the value of placeholder 'label' (int32 [2]) in options.feeds",
               [&] { check_gradients(x * cast(label, DType::kFloat64), {x}); });
  expect_error(Code::kInvalidArgument, "cannot draw 'open' of shape [?]", [&] { check_gradients(sin(open), {open}); });
  expect_error(Code::kInvalidArgument, "'label' is int32", [&] { check_gradients(sin(x), {label}); });
  expect_error(Code::kInvalidArgument, "at least one x", [&] { check_gradients(sin(x), {}); });
  expect_error(Code::kInvalidArgument, "order must be at least 1", [&] { check_gradients(sin(x), {x}, {.order = 0}); });
  expect_error(Code::kInvalidArgument, "[check_gradients 'Sin", [&] { check_gradients(sin(x), {x}, {.order = 0}); });
  expect_error(Code::kInvalidArgument, "check_gradients_test.cc:" + std::to_string(__LINE__ + 1),
               [&] { check_gradients(sin(x), {}); });
  expect_error(Code::kInvalidArgument, "xs[1] refers to nothing: it is a default-made", [&] {
    check_gradients(sin(x), {x, Output()});
  });
  expect_error(Code::kInvalidArgument, "the value for 'label' is float32; it needs int32", [&] {
    check_gradients(x * cast(label, DType::kFloat64), {x}, {.feeds = {{label, Tensor::zeros(DType::kFloat32, {2})}}});
  });
  expect_error(Code::kInvalidArgument, "the value for 'x' is int32; it needs float64", [&] {
    check_gradients(sin(x), {x}, {.feeds = {{x, Tensor::zeros(DType::kInt32, {2})}}});
  });
  Graph other;
  const Output stranger = placeholder(other, DType::kFloat64, {2}, "stranger");
  expect_error(Code::kInvalidArgument, "the fed 'stranger' belongs to another graph", [&] {
    check_gradients(sin(x), {x}, {.feeds = {{stranger, Tensor::zeros(DType::kFloat64, {2})}}});
  });
  expect_error(Code::kInvalidArgument, "has shape [3]; it needs [2]", [&] {
    check_gradients(sin(x), {x}, {.feeds = {{x, Tensor::zeros(DType::kFloat64, {3})}}});
  });
}

}  // namespace
}  // namespace gradus
