#include "gradus/ops/compare.h"

#include <gtest/gtest.h>

#include <cmath>

#include "gradus/autodiff/gradients.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

class Compare : public ::testing::Test {
 protected:
  Output doubles(const Values& values) { return constant(graph, values); }
  Graph graph;
};

TEST_F(Compare, EveryRelationByHand) {
  const Output x = doubles({1, 2, 3});
  EXPECT_EQ(elements(run_both(equal(x, 2.0))), (Values{0, 1, 0}));
  EXPECT_EQ(elements(run_both(not_equal(x, 2.0))), (Values{1, 0, 1}));
  EXPECT_EQ(elements(run_both(less(x, 2.0))), (Values{1, 0, 0}));
  EXPECT_EQ(elements(run_both(less_equal(x, 2.0))), (Values{1, 1, 0}));
  EXPECT_EQ(elements(run_both(greater(x, 2.0))), (Values{0, 0, 1}));
  EXPECT_EQ(elements(run_both(greater_equal(x, 2.0))), (Values{0, 1, 1}));
  EXPECT_EQ(elements(run_both(logical_and(less(x, 3.0), logical_not(less(x, 2.0))))), (Values{0, 1, 0}));
  EXPECT_EQ(elements(run_both(logical_or(less(x, 2.0), greater(x, 2.0)))), (Values{1, 0, 1}));
}

TEST_F(Compare, NaNEqualsNothing) {
  const Output nan = doubles({std::nan("")});
  EXPECT_EQ(run_both(equal(nan, nan)).at(0), 0);
  EXPECT_EQ(run_both(not_equal(nan, nan)).at(0), 1);
  EXPECT_EQ(run_both(less_equal(nan, 1.0)).at(0), 0);
  EXPECT_EQ(run_both(greater(nan, 1.0)).at(0), 0);
}

TEST_F(Compare, WhereTakesTheChosenSideOnly) {
  const Output x = doubles({-1, 4});
  EXPECT_EQ(elements(run_both(where(greater(x, 0.0), x, 0.0))), (Values{0, 4}));
  const Output nan = doubles({std::nan(""), std::nan("")});
  EXPECT_EQ(elements(run_both(where(less(x, 9.0), x, nan))), (Values{-1, 4}));
  const auto d = gradients(reduce_sum(where(greater(x, 0.0), x * x, nan)), {x, nan});
  EXPECT_EQ(elements(run_both(d[0])), (Values{0, 8}));
  EXPECT_EQ(elements(run_both(d[1])), (Values{1, 0}));
}

TEST_F(Compare, ClipGivesTheGradientToWhatItLetThrough) {
  const Output x = doubles({-3, -1, 0.5, 2, 5, std::nan("")}), low = scalar(graph, -1, DType::kFloat64);
  const Output high = scalar(graph, 2, DType::kFloat64);
  const Output y = clip_by_value(x, low, high);
  const Tensor value = run_both(y);
  EXPECT_EQ(elements(value.rows(0, 5)), (Values{-1, -1, 0.5, 2, 2}));
  EXPECT_TRUE(std::isnan(value.at(5)));
  const auto d = gradients(reduce_sum(y), {x, low, high});
  EXPECT_EQ(elements(run_both(d[0])), (Values{0, 1, 1, 1, 0, 1}));
  EXPECT_EQ(run_both(d[1]).at(0), 1);
  EXPECT_EQ(run_both(d[2]).at(0), 1);
}

TEST_F(Compare, ClipWithLowAboveHighIsHighAndSoIsItsGradient) {
  const Output x = doubles({0, 4, 9}), low = doubles({5}), high = doubles({3});
  const Output y = clip_by_value(x, low, high);
  EXPECT_EQ(elements(run_both(y)), (Values{3, 3, 3}));
  const auto d = gradients(reduce_sum(y), {x, low, high});
  EXPECT_EQ(elements(run_both(d[0])), (Values{0, 0, 0}));
  EXPECT_EQ(elements(run_both(d[1])), (Values{0}));
  EXPECT_EQ(elements(run_both(d[2])), (Values{3}));
}

TEST_F(Compare, ErrorsNameOperands) {
  const Output x = doubles({1, 2}), b = less(x, 1.0);
  expect_error(Code::kInvalidArgument, "[Select 'Select' at compare_test.cc:", [&] { where(x, x, x); });
  expect_error(Code::kInvalidArgument, "condition must be bool; got float64", [&] { where(x, x, x); });
  expect_error(Code::kInvalidArgument, "shapes [2] and [3] do not broadcast", [&] { less(x, doubles({1, 2, 3})); });
  expect_error(Code::kInvalidArgument, "operands must be numeric; got bool", [&] { less(b, b); });
  expect_error(Code::kInvalidArgument, "y must be bool; got float64", [&] { logical_and(b, x); });
  expect_error(Code::kInvalidArgument, "same dtype", [&] { where(b, x, constant(graph, std::vector<float>{1, 2})); });
}

}  // namespace
}  // namespace gradus
