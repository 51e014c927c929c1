// Comparisons, compound assignment and constants written as C++ writes them.
#include "gradus/ops/operators.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

class Operators : public ::testing::Test {
 protected:
  Graph graph;
  const Output x = constant(graph, {-1.0, 0.0, 2.5});
  const Output y = constant(graph, {0.0, 0.0, 3.0});
  const Output n = constant(graph, {1, 2, 3});
};

TEST_F(Operators, CompareElements) {
  EXPECT_EQ(elements(run_both(x > 0.0)), (Values{0, 0, 1}));
  EXPECT_EQ(elements(run_both(x >= 0.0)), (Values{0, 1, 1}));
  EXPECT_EQ(elements(run_both(x < 0)), (Values{1, 0, 0}));
  EXPECT_EQ(elements(run_both(x <= 0)), (Values{1, 1, 0}));
  EXPECT_EQ(elements(run_both(0.0 > x)), (Values{1, 0, 0}));
  EXPECT_EQ(elements(run_both(0.0f >= x)), (Values{1, 1, 0}));
  EXPECT_EQ(elements(run_both(0 < x)), (Values{0, 0, 1}));
  EXPECT_EQ(elements(run_both(2.5 <= x)), (Values{0, 0, 1}));
  EXPECT_EQ(elements(run_both(x > y)), (Values{0, 0, 0}));
  EXPECT_EQ(elements(run_both(x >= y)), (Values{0, 1, 0}));
  EXPECT_EQ(elements(run_both(x < y)), (Values{1, 0, 1}));
  EXPECT_EQ(elements(run_both(x <= y)), (Values{1, 1, 1}));
  EXPECT_EQ(elements(run_both(n > 2)), (Values{0, 0, 1}));
  EXPECT_EQ((x > 0.0).dtype(), DType::kBool);
  EXPECT_EQ((x > 0.0).node().op(), "Greater");
  EXPECT_EQ((0.0 > x).node().op(), "Greater");
  EXPECT_EQ(elements(run_both(where(x > 0.0, x, 0.0))), (Values{0, 0, 2.5}));
}

TEST_F(Operators, EqualityOfOutputsIsThatOfHandles) {
  EXPECT_TRUE(x == x);
  EXPECT_TRUE(x != y);
  // Comparing elements with a number by == does not compile, so that it cannot be mistaken for equal(x, 0.0).
  EXPECT_FALSE((std::is_invocable_v<std::equal_to<>, Output, double>));
  EXPECT_FALSE((std::is_invocable_v<std::not_equal_to<>, Output, int>));
  EXPECT_EQ(elements(run_both(equal(x, 0.0))), (Values{0, 1, 0}));
}

TEST_F(Operators, CompoundAssignmentMakesANewNode) {
  Output z = x;
  z += y;
  EXPECT_EQ(z.node().line(), __LINE__ - 1);
  EXPECT_EQ(z.node().file(), "operators_test.cc");
  EXPECT_EQ(elements(run_both(z)), (Values{-1, 0, 5.5}));
  z -= 1.5;
  EXPECT_EQ(elements(run_both(z)), (Values{-2.5, -1.5, 4}));
  z *= 2;
  EXPECT_EQ(elements(run_both(z)), (Values{-5, -3, 8}));
  z /= 4.0;
  EXPECT_EQ(elements(run_both(z)), (Values{-1.25, -0.75, 2}));
  (z += 1) *= 2.0;
  EXPECT_EQ(elements(run_both(z)), (Values{-0.5, 0.5, 6}));
  z -= Output(z);
  EXPECT_EQ(elements(run_both(z)), (Values{0, 0, 0}));
  EXPECT_EQ(elements(run_both(x)), (Values{-1, 0, 2.5})) << "nodes never change";
}

TEST_F(Operators, IntegersKeepAllTheirDigits) {
  const std::int64_t large = (std::int64_t{1} << 53) + 1;  // no double holds it
  const Output z = constant(graph, {std::int64_t{0}}) + large;
  EXPECT_EQ(run_both(z).item<std::int64_t>() - large, 0);
  EXPECT_EQ(elements(run_both(constant(graph, {std::int64_t{1}}) * -3LL)), (Values{-3}));
  const std::uint64_t beyond = std::uint64_t{1} << 63;
  expect_error(Code::kInvalidArgument, "beside", [&] { constant(graph, {std::int64_t{0}}) + beyond; });
  EXPECT_EQ(elements(run_both(x * beyond)), (Values{-9223372036854775808.0, 0, 23058430092136939520.0}));
  EXPECT_EQ(elements(run_both(equal(constant(graph, {true, false}), true))), (Values{1, 0}));
}

TEST_F(Operators, ConstantsTakeTheNumbersDType) {
  const auto expect_scalar = [&](const Output& c, DType dtype, double value) {
    EXPECT_EQ(c.dtype(), dtype);
    EXPECT_EQ(c.shape(), Shape{});
    EXPECT_EQ(run_both(c).at(0), value);
  };
  expect_scalar(constant(graph, 3.5f), DType::kFloat32, 3.5);
  expect_scalar(constant(graph, 3.5), DType::kFloat64, 3.5);
  expect_scalar(constant(graph, 3), DType::kInt32, 3);
  expect_scalar(constant(graph, std::int64_t{1} << 40), DType::kInt64, 1099511627776.0);
  expect_scalar(constant(graph, std::uint8_t{200}), DType::kUInt8, 200);
  expect_scalar(constant(graph, true), DType::kBool, 1);
  expect_scalar(constant(graph, Float16(0.5f)), DType::kFloat16, 0.5);
  expect_scalar(constant(graph, BFloat16(0.5f)), DType::kBFloat16, 0.5);
  const Output named = constant(graph, 1.0f, "one");
  EXPECT_EQ(named.name(), "one");
  EXPECT_EQ(named.node().line(), __LINE__ - 2);
}

TEST_F(Operators, ConstantsOfBracesAreVectors) {
  EXPECT_EQ(constant(graph, {1.0f, 2.0f}).dtype(), DType::kFloat32);
  EXPECT_EQ(elements(run_both(constant(graph, {1.0f, 2.0f}))), (Values{1, 2}));
  EXPECT_EQ(constant(graph, {1, 2, 3}).dtype(), DType::kInt32);
  EXPECT_EQ(constant(graph, {7.0}).shape(), Shape{1});
  EXPECT_EQ(constant(graph, {true, false}, "flags").dtype(), DType::kBool);
  EXPECT_EQ(constant(graph, {DType::kFloat16, Shape{2}}).dtype(), DType::kFloat16);  // a Tensor, as ever
  EXPECT_EQ(constant(graph, {Tensor::scalar(2.0)}).shape(), Shape{});
}

}  // namespace
}  // namespace gradus
