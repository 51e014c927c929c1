// Numeric slopes against derivatives known from calculus.
#include "gradus/autodiff/check/line_slopes.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

Slope slope_of(double (*f)(double), double expected, double step = 1e-3) {
  LineOptions options;
  options.step = step;
  return line_slopes([&](double t) { return std::vector<double>{f(t)}; }, {f(0)}, {expected}, options)[0];
}

TEST(LineSlopes, ExtrapolationReachesTwelveDigits) {
  const Slope s = slope_of([](double t) { return std::exp(1 + t); }, std::exp(1));
  EXPECT_EQ(s.kind, Slope::Kind::kSmooth);
  EXPECT_NEAR(s.value, std::exp(1), 1e-11);
}

TEST(LineSlopes, AWrongExpectationDoesNotChangeTheValue) {
  EXPECT_NEAR(slope_of([](double t) { return std::exp(1 + t); }, 7.0).value, std::exp(1), 1e-9);
}

TEST(LineSlopes, TheStepShrinksForSteepFunctions) {
  const Slope s = slope_of([](double t) { return std::sin(2000 * t); }, 2000);
  EXPECT_NEAR(s.value, 2000, 1e-3);
  EXPECT_LT(s.step, 2e-4);
}

TEST(LineSlopes, TheStepShrinksAtTheBorderOfTheDomain) {
  // log(1e-4 + t) is NaN at t = -1e-3; its slope at 0 is 1e4.
  const Slope s = slope_of([](double t) { return std::log(1e-4 + t); }, 1e4);
  EXPECT_EQ(s.kind, Slope::Kind::kSmooth);
  EXPECT_NEAR(s.value, 1e4, 1e-2);
}

TEST(LineSlopes, KinksHaveTwoSlopes) {
  const Slope s = slope_of([](double t) { return std::abs(t) + 3 * t; }, 3);
  EXPECT_EQ(s.kind, Slope::Kind::kKink);
  EXPECT_NEAR(s.left, 2, 1e-6);
  EXPECT_NEAR(s.right, 4, 1e-6);
}

TEST(LineSlopes, AKinkAtADistanceIsAvoided) {
  const Slope s = slope_of([](double t) { return t > 1e-5 ? 5 * t - 4e-5 : t; }, 1);
  EXPECT_EQ(s.kind, Slope::Kind::kSmooth);
  EXPECT_NEAR(s.value, 1, 1e-8);
}

TEST(LineSlopes, JumpsAndNaNsAreNamed) {
  EXPECT_EQ(slope_of([](double t) { return t < 0 ? 0.0 : 1.0; }, 0).kind, Slope::Kind::kJump);
  EXPECT_EQ(slope_of([](double t) { return t < 0 ? std::nan("") : t; }, 1).kind, Slope::Kind::kNotFinite);
}

TEST(LineSlopes, SquaresNearTheirMinimumAreNoKinks) {
  const Slope s = slope_of([](double t) { return 1e6 * t * t; }, 0);
  EXPECT_EQ(s.kind, Slope::Kind::kSmooth);
  EXPECT_NEAR(s.value, 0, 1e-6);
}

TEST(RelativeDifference, IsRelativeToTheLargerAndToTheFloor) {
  EXPECT_EQ(relative_difference(0, 0, 0), 0);
  EXPECT_DOUBLE_EQ(relative_difference(1, 2, 0), 0.5);
  EXPECT_DOUBLE_EQ(relative_difference(1e-3, 2e-3, 0.1), 1e-2);
}

}  // namespace
}  // namespace gradus
