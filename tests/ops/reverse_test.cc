#include <gtest/gtest.h>

#include "gradus/gradus.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

TEST(Reverse, RunsTheNamedAxesBackwards) {
  Graph graph;
  const Output x = constant(graph, Tensor::from(Shape{2, 3}, Values{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(elements(run_both(reverse(x, {0}))), (Values{4, 5, 6, 1, 2, 3}));
  EXPECT_EQ(elements(run_both(reverse(x, {-1}))), (Values{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(elements(run_both(reverse(x, {1, 0}))), (Values{6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(elements(run_both(reverse(x, {}))), (Values{1, 2, 3, 4, 5, 6}));
}

TEST(Reverse, MovesElementsOfEveryDtypeUnchanged) {
  Graph graph;
  const std::int64_t large = (std::int64_t{1} << 53) + 1;
  const Tensor int64s = Tensor::from(std::vector<std::int64_t>{large, INT64_MIN, 3});
  EXPECT_EQ(run_both(reverse(constant(graph, int64s), {0})).data<std::int64_t>()[2], large);
  const Tensor numbers = Tensor::from(Shape{2, 2}, Values{0, 1, 1, 0});
  for (int i = 0; i < kDTypeCount; ++i) {
    const Output x = constant(graph, numbers.cast(static_cast<DType>(i)));
    EXPECT_EQ(elements(run_both(reverse(x, {0}))), (Values{1, 0, 0, 1})) << dtype_name(static_cast<DType>(i));
    EXPECT_EQ(reverse(x, {0}).dtype(), static_cast<DType>(i));
  }
}

TEST(Reverse, IsItsOwnGradient) {
  Graph graph;
  const Output x = variable(graph, Tensor::from(Values{1, 2, 3}));
  const Output weights = constant(graph, Tensor::from(Values{10, 20, 30}));
  // y = [x2, x1, x0]; d(sum of y^2 * w)/dx = 2 x * reversed(w); the second derivative is 2 * reversed(w).
  const Output y = reverse(x, {0});
  const Output first = gradients(reduce_sum(y * y * weights), {x})[0];
  const Output second = gradients(reduce_sum(first), {x})[0];
  for (const char* device : {"cpu:0", "ref:0"}) {
    Session session(graph, {.device = device});
    const auto r = session.run({first, second});
    EXPECT_EQ(elements(r[0]), (Values{60, 80, 60}));
    EXPECT_EQ(elements(r[1]), (Values{60, 40, 20}));
  }
}

TEST(Reverse, IsFollowedThroughShapes) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 4, 5});
  EXPECT_EQ(zeros_like(x).shape(), x.shape());
  const Output y = fill(reverse(shape(x), {0}), scalar(graph, 1, DType::kFloat32));
  EXPECT_EQ(y.shape(), (Shape{5, 4, -1}));
}

TEST(Reverse, RefusesAxesThatDoNotExistOrComeTwice) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {2, 3});
  expect_error(Code::kInvalidArgument, "[Reverse 'r' at reverse_test.cc:", [&] { reverse(x, {2}, "r"); });
  expect_error(Code::kInvalidArgument, "axis 2 is outside [-2, 2)", [&] { reverse(x, {2}); });
  expect_error(Code::kInvalidArgument, "axis -1 is named twice; got axes [1,-1] for shape [2,3]", [&] {
    reverse(x, {1, -1});
  });
  expect_error(Code::kInvalidArgument, "a scalar has no axes; got axis 0",
               [&] { reverse(scalar(graph, 1, DType::kFloat32), {0}); });
}

}  // namespace
}  // namespace gradus
