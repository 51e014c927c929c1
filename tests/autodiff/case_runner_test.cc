// The case runner, and the logic of `gradus check`: it must catch a planted mistake and point at it.
#include "cases/case_runner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "gradus/ops/operators.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"
#include "tests/support/test_ops.h"

namespace gradus::cases {
namespace {

double sine(double x) { return std::sin(x); }
double product(double x, double y) { return x * y; }

const bool registered = [] {
  register_test_op("TestSine", {"x"}, unary_test_kernel<sine>);
  gradient_registry().add("TestSine", [](GradientContext& c) { c.set(0, c.grad() * cos(c.input(0))); });
  // The gradient for the second operand is that of the first.
  register_test_op("TestProduct", {"x", "y"}, binary_test_kernel<product>);
  gradient_registry().add("TestProduct", [](GradientContext& c) {
    if (c.needs(0)) c.set(0, c.grad() * c.input(1));
    if (c.needs(1)) c.set(1, c.grad() * c.input(1));
  });
  register_test_op("TestConstantSlope", {"x"}, unary_test_kernel<sine>);
  gradient_registry().add_none("TestConstantSlope", "for the test");
  return true;
}();

std::vector<OpCase> test_cases() {
  return {{.op = "TestSine", .name = "matrix", .operands = {real({2, 3})}},
          {.op = "TestSine", .name = "scalar", .operands = {real({})}},
          {.op = "TestProduct", .name = "vectors", .operands = {real({4}), real({4})}},
          {.op = "TestConstantSlope", .name = "vector", .operands = {real({4})}}};
}

TEST(GradusCheck, CatchesAPlantedWrongGradientAndPointsAtIt) {
  std::ostringstream progress;
  const std::vector<CaseCheck> checks = check_cases(test_cases(), {}, &progress);
  ASSERT_EQ(checks.size(), 4u);
  EXPECT_FALSE(all_ok(checks));
  for (const CaseCheck& check : checks) EXPECT_EQ(check.ok, check.op != "TestProduct") << check.op;

  const std::string text = checks_to_text(checks);
  EXPECT_NE(text.find("FAIL TestProduct"), std::string::npos) << text;
  EXPECT_NE(text.find("pass TestSine"), std::string::npos) << text;
  EXPECT_NE(text.find("none TestConstantSlope"), std::string::npos) << text;
  // Which operand, which element, both values.
  EXPECT_NE(text.find("FAIL order 1  d vectors / d operand1"), std::string::npos) << text;
  EXPECT_NE(text.find("worst at d vectors["), std::string::npos) << text;
  EXPECT_EQ(text.find("FAIL order 1  d vectors / d operand0"), std::string::npos) << text;
  EXPECT_NE(progress.str().find("FAIL TestProduct vectors"), std::string::npos);

  const auto json = nlohmann::json::parse(checks_to_json(checks));
  EXPECT_FALSE(json.at("ok").get<bool>());
  EXPECT_EQ(json.at("cases").size(), 4u);
}

TEST(GradusCheck, SelectsOpsByEitherSpellingAndRefusesUnknownOnes) {
  EXPECT_EQ(check_cases(test_cases(), {.ops = {"test_sine"}}).size(), 2u);
  EXPECT_EQ(check_cases(test_cases(), {.ops = {"TestSine", "TestProduct"}, .order = 1}).size(), 3u);
  EXPECT_TRUE(all_ok(check_cases(test_cases(), {.ops = {"TestSine"}})));
  expect_error(Code::kNotFound, "no op 'TestSin' has cases to check; did you mean TestSine",
               [] { check_cases(test_cases(), {.ops = {"TestSin"}}); });
  expect_error(Code::kInvalidArgument, "order must be at least 1", [] { check_cases(test_cases(), {.order = 0}); });
}

TEST(OperandValues, AreReproducibleAndKeepTheirPromises) {
  const Operand kinked = real({200}, -1, 1, {0.0, 0.5});
  const Tensor values = operand_value(kinked, 3);
  EXPECT_TRUE(bit_equal(values, operand_value(kinked, 3)));
  EXPECT_FALSE(bit_equal(values, operand_value(kinked, 4)));
  const Tensor apart = operand_value(distinct({50}), 3);
  for (std::int64_t i = 0; i < 200; ++i) {
    EXPECT_GE(std::abs(values.at(i)), 0.999 * kKinkMargin);
    EXPECT_GE(std::abs(values.at(i) - 0.5), 0.999 * kKinkMargin);
  }
  for (std::int64_t i = 0; i < 50; ++i) {
    for (std::int64_t j = 0; j < i; ++j) EXPECT_GE(std::abs(apart.at(i) - apart.at(j)), 2 * kKinkMargin);
  }
}

TEST(CompareWithReference, FindsTheWorstElementAndNaN) {
  const OpCase c{.op = "TestSine", .name = "vector", .operands = {real({3})}};
  const Tensor expected = Tensor::from<double>({1, 2, 3});
  EXPECT_EQ(compare_with_reference(c, DType::kFloat32, {Tensor::from<float>({1, 2, 3})}, {expected}), "");
  EXPECT_NE(compare_with_reference(c, DType::kFloat32, {Tensor::from<float>({1, 2.1f, 3.5f})}, {expected})
                .find("flat index 2"),
            std::string::npos);
  const float nan = std::nanf("");
  EXPECT_NE(
      compare_with_reference(c, DType::kFloat32, {Tensor::from<float>({1, nan, 3})}, {expected}).find("flat index 1"),
      std::string::npos);
  EXPECT_NE(compare_with_reference(c, DType::kFloat32, {Tensor::from<float>({1, 2})}, {expected}).find("shape [2]"),
            std::string::npos);
}

}  // namespace
}  // namespace gradus::cases
