// Integers at the ends of their range, exactly and alike on both backends.
#include <gtest/gtest.h>

#include "gradus/gradus.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"

namespace gradus {
namespace {

using Ints = std::vector<std::int64_t>;
constexpr std::int64_t kOdd = (std::int64_t{1} << 53) + 1;

Ints integers(const Tensor& t) { return Ints(t.data<std::int64_t>(), t.data<std::int64_t>() + t.num_elements()); }

TEST(IntegerBorders, RangeFromTheSmallestInt64) {
  Graph graph;
  const auto number = [&](std::int64_t v) { return constant(graph, Tensor::scalar(v)); };
  constexpr std::int64_t step = std::int64_t{1} << 62;
  // -2^63, -2^62, 0, 2^62; the next would be 2^63.
  const Ints expected{INT64_MIN, -step, 0, step};
  const Output known = range(number(INT64_MIN), number(INT64_MAX), number(step));
  EXPECT_EQ(known.shape(), (Shape{4}));
  EXPECT_EQ(integers(run_both(known)), expected);
  const Output down = range(number(INT64_MAX), number(INT64_MIN), number(INT64_MIN));  // 2^63 - 1, -1
  EXPECT_EQ(integers(run_both(down)), (Ints{INT64_MAX, -1}));
  // Fed: the same values are known when the plan is compiled.
  const Output start = placeholder(graph, DType::kInt64, {}), limit = placeholder(graph, DType::kInt64, {});
  const Tensor fed = run_both(range(start, limit, number(step)),
                              {{start, Tensor::scalar(INT64_MIN)}, {limit, Tensor::scalar(INT64_MAX)}});
  EXPECT_EQ(integers(fed), expected);
  expect_error(Code::kInvalidArgument, "the element count does not fit in 63 bits",
               [&] { range(number(INT64_MIN), number(INT64_MAX), number(1)); });
}

TEST(IntegerBorders, RangeOfInt32ReachesItsEnds) {
  Graph graph;
  const Tensor y = run_both(range(graph, INT32_MIN, INT32_MAX, INT32_MAX));
  EXPECT_EQ(elements(y), (std::vector<double>{-2147483648.0, -1, 2147483646.0}));
}

// INT64_MIN and INT64_MAX as bounds mean "from the start" and "to the end", as other frameworks write them.
TEST(IntegerBorders, StridedSlicesFromTheSmallestInt64) {
  Graph graph;
  const Output x = constant(graph, Tensor::from(Ints{1, 2, 3, 4}));
  EXPECT_EQ(integers(run_both(strided_slice(x, {INT64_MIN}, {INT64_MAX}, {2}))), (Ints{1, 3}));
  EXPECT_EQ(integers(run_both(strided_slice(x, {INT64_MAX}, {INT64_MIN}, {-1}))), (Ints{4, 3, 2, 1}));
  EXPECT_EQ(integers(run_both(strided_slice(x, {-1}, {INT64_MIN}, {INT64_MIN}))), (Ints{4}));
  EXPECT_EQ(strided_slice(x, {INT64_MIN}, {3}).shape(), (Shape{3}));
}

// Sums of int64 beyond 2^53 in the gradient ops that add elements up, and sums that wrap around.
TEST(IntegerBorders, GradientOpsAddIntegersExactly) {
  Graph graph;
  const Output two = constant(graph, Tensor::from(Ints{kOdd, 1})),
               indices = constant(graph, std::vector<std::int32_t>{0, 0});
  const Output sizes = constant(graph, std::vector<std::int32_t>{1});
  EXPECT_EQ(integers(run_both(gather_grad(two, indices, sizes))), (Ints{kOdd + 1}));
  EXPECT_EQ(integers(run_both(tile_grad(two, constant(graph, std::vector<std::int32_t>{2}), sizes))), (Ints{kOdd + 1}));
  const Output three = constant(graph, Tensor::from(Ints{kOdd, 5, 1}));  // reflected: [b a b], a + nothing, b + b
  EXPECT_EQ(integers(run_both(mirror_pad_grad(three, {.paddings = {1, 0}}))), (Ints{5, kOdd + 1}));

  const Output bytes = constant(graph, Tensor::from(std::vector<std::uint8_t>{200, 100}));  // 300 - 256
  EXPECT_EQ(elements(run_both(gather_grad(bytes, indices, sizes))), (std::vector<double>{44}));
  const Output ends = constant(graph, Tensor::from(Ints{INT64_MAX, 1}));
  EXPECT_EQ(integers(run_both(gather_grad(ends, indices, sizes))), (Ints{INT64_MIN}));
}

TEST(IntegerBorders, InTopKOfTargetsThatNoClassHas) {
  Graph graph;
  const Output p = constant(graph, Tensor::from(Shape{3, 2}, std::vector<float>{1, 2, 1, 2, 1, 2}));
  const Output targets = constant(graph, Tensor::from(Ints{INT64_MAX, INT64_MIN, 1}));
  EXPECT_EQ(elements(run_both(in_top_k(p, targets, 1))), (std::vector<double>{0, 0, 1}));
}

}  // namespace
}  // namespace gradus
