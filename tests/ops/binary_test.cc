#include "gradus/ops/binary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/autodiff/gradients.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reshape.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

using Values = std::vector<double>;
const double kNaN = std::nan("");

class Binary : public ::testing::Test {
 protected:
  Output doubles(const Values& values) { return constant(graph, values); }
  Output ints(const std::vector<std::int32_t>& values) { return constant(graph, values); }
  Graph graph;
};

TEST_F(Binary, OperatorsAreTheArithmeticTheyLookLike) {
  const Output x = doubles({1, 2, -3}), y = doubles({4, 0.5, 2});
  EXPECT_EQ(elements(run_both(x + y)), (Values{5, 2.5, -1}));
  EXPECT_EQ(elements(run_both(x - y)), (Values{-3, 1.5, -5}));
  EXPECT_EQ(elements(run_both(x * y)), (Values{4, 1, -6}));
  EXPECT_EQ(elements(run_both(x / y)), (Values{0.25, 4, -1.5}));
  EXPECT_EQ(elements(run_both(-x)), (Values{-1, -2, 3}));
  EXPECT_EQ(elements(run_both(2 * x + 1)), (Values{3, 5, -5}));
  EXPECT_EQ(elements(run_both(1.0 / y - 0.25)), (Values{0, 1.75, 0.25}));
}

TEST_F(Binary, ANumberTakesTheOtherOperandsDtype) {
  const Output half = placeholder(graph, DType::kFloat16, {3});
  EXPECT_EQ((half * 0.5).dtype(), DType::kFloat16);
  EXPECT_EQ(elements(run_both(ints({1, 2}) * 3.0)), (Values{3, 6}));
  expect_error(Code::kInvalidArgument,
               "the number beside 'sizes' must be an integer from -2147483648 to 2147483647 for int32; got 0.5; write "
               "cast(sizes, DType::kFloat32)",
               [&] {
                 constant(graph, std::vector<std::int32_t>{1, 2}, "sizes") * 0.5;
               });
  expect_error(Code::kInvalidArgument, "got 3000000000; write cast(lengths, DType::kInt64)", [&] {
    constant(graph, std::vector<std::int32_t>{1, 2}, "lengths") + 3000000000;
  });
  expect_error(Code::kInvalidArgument, "integer from 0 to 255 for uint8; got 300; write cast(pixels, DType::kInt32)",
               [&] { placeholder(graph, DType::kUInt8, {2}, "pixels") + 300; });
  expect_error(Code::kInvalidArgument, "two numbers", [&] { add(1.0, 2.0); });
}

TEST_F(Binary, BroadcastingFollowsNumPy) {
  const Output column = reshape(doubles({10, 20}), {2, 1}), row = doubles({1, 2, 3});
  const Tensor sum = run_both(column + row);
  EXPECT_EQ(sum.shape(), Shape({2, 3}));
  EXPECT_EQ(elements(sum), (Values{11, 12, 13, 21, 22, 23}));
  EXPECT_EQ((placeholder(graph, DType::kFloat32, {-1, 3}) + placeholder(graph, DType::kFloat32, {3})).shape(),
            Shape({-1, 3}));
  EXPECT_EQ((placeholder(graph, DType::kFloat32, {-1, 1}) + placeholder(graph, DType::kFloat32, {5, 3})).shape(),
            Shape({5, 3}));
}

TEST_F(Binary, ErrorsNameTheUsersLineAndBothOperands) {
  const Output x = placeholder(graph, DType::kFloat32, {2, 3}), y = placeholder(graph, DType::kFloat32, {4});
  const Output z = placeholder(graph, DType::kFloat64, {3});
  const auto wrong = [&] { x + y; };
  const std::string line = std::to_string(__LINE__ - 1);
  const std::string text = "[Add 'Add' at binary_test.cc:" + line + "] shapes [2,3] and [4] do not broadcast";
  expect_error(Code::kInvalidArgument, text, wrong);
  expect_error(Code::kInvalidArgument, "[Mul 'scaled' at binary_test.cc:", [&] { multiply(x, y, "scaled"); });
  expect_error(Code::kInvalidArgument, "same dtype; got float32 [2,3] and float64 [3]", [&] { multiply(x, z); });
  expect_error(Code::kInvalidArgument, "operands must be numeric; got bool", [&] { less(x, 0.0) + less(x, 1.0); });
  expect_error(Code::kInvalidArgument, "(integers have floor_div)", [&] { ints({1}) / ints({2}); });
  expect_error(Code::kInvalidArgument, "operands must be integers; got float32", [&] { floor_div(x, x); });
  expect_error(Code::kInvalidArgument, "add_n needs at least one operand", [&] { add_n({}); });
  expect_error(Code::kInvalidArgument, "same shape; got [2,3] and [4] (operand 2)", [&] { add_n({x, x, y}); });
}

TEST_F(Binary, IntegersWrapAround) {
  EXPECT_EQ(elements(run_both(ints({INT32_MAX}) + ints({1}))), (Values{static_cast<double>(INT32_MIN)}));
  EXPECT_EQ(elements(run_both(ints({INT32_MIN}) - ints({1}))), (Values{static_cast<double>(INT32_MAX)}));
  EXPECT_EQ(elements(run_both(ints({65536}) * ints({65537}))), (Values{65536}));
}

TEST_F(Binary, FloorDivisionRoundsDownAsInPython) {
  const Output x = ints({7, -7, 7, -7, 6}), y = ints({2, 2, -2, -2, 3});
  EXPECT_EQ(elements(run_both(floor_div(x, y))), (Values{3, -4, -4, 3, 2}));
  EXPECT_EQ(elements(run_both(floor_mod(x, y))), (Values{1, 1, -1, -1, 0}));
}

TEST_F(Binary, IntegerDivisionByZeroNamesTheNode) {
  const Output y = placeholder(graph, DType::kInt32, {2});
  const Output z = floor_div(ints({1, 2}), y, "ratio");
  for (const char* device : {"cpu:0", "ref:0"}) {
    Session session(graph, {.device = device});
    expect_error(Code::kInvalidArgument, "[FloorDiv 'ratio' at binary_test.cc:", [&] {
      session.run({{y, Tensor::from<std::int32_t>({1, 0})}}, {z});
    });
  }
}

TEST_F(Binary, MaximumAndMinimumPropagateNaNFromEitherSide) {
  const Output x = doubles({kNaN, 1, 2, kNaN}), y = doubles({1, kNaN, 3, kNaN});
  for (const Output& z : {maximum(x, y), minimum(x, y)}) {
    const Tensor value = run_both(z);
    EXPECT_TRUE(std::isnan(value.at(0)) && std::isnan(value.at(1)) && std::isnan(value.at(3)));
  }
  EXPECT_EQ(run_both(maximum(x, y)).at(2), 3);
}

TEST_F(Binary, DivisionByZeroFollowsIeee754) {
  const Tensor z = run_both(doubles({1, -1, 0}) / doubles({0, 0, 0}));
  EXPECT_EQ(z.at(0), kInf);
  EXPECT_EQ(z.at(1), -kInf);
  EXPECT_TRUE(std::isnan(z.at(2)));
}

TEST_F(Binary, TiesOfMaximumGiveTheGradientToTheFirstOperand) {
  const Output x = doubles({1, 2, 3}), y = doubles({1, 3, 2});
  const auto d = gradients(reduce_sum(maximum(x, y)), {x, y});
  EXPECT_EQ(elements(run_both(d[0])), (Values{1, 0, 1}));
  EXPECT_EQ(elements(run_both(d[1])), (Values{0, 1, 0}));
}

TEST_F(Binary, PowHasFiniteGradientsAtZero) {
  // d x^y / dx = y x^(y-1): 0, 1, 0 at x = 0 for y = 0, 1, 2. d / dy = x^y ln x is taken as 0 there.
  const Output x = doubles({0, 0, 0}), y = doubles({0, 1, 2});
  const auto d = gradients(reduce_sum(pow(x, y)), {x, y});
  EXPECT_EQ(elements(run_both(d[0])), (Values{0, 1, 0}));
  EXPECT_EQ(elements(run_both(d[1])), (Values{0, 0, 0}));
}

// x = 0 with y = -1, and -2 with y = 200 in float32: z is infinite, d / dy is 0 by definition where x <= 0.
TEST_F(Binary, PowHasNoGradientByTheExponentWhereTheBaseIsNotPositive) {
  const Output x = constant(graph, std::vector<float>{0, -2, -2, 2}),
               y = constant(graph, std::vector<float>{-1, 200, 3, 1});
  const Output dy = gradients(reduce_sum(pow(x, y)), {y})[0];
  for (const char* device : {"cpu:0", "ref:0"}) {
    Session session(graph, {.device = device});
    const Tensor d = session.run({dy})[0];
    for (int i = 0; i < 3; ++i) EXPECT_EQ(d.at(i), 0) << device << " " << i;
    EXPECT_NEAR(d.at(3), 2 * std::log(2.0), 2e-7) << device;
  }
}

// 1 / 1e-40 is no float32, but d x^0 / dx is 0; 0 / 1e-40 is 0, and so is its derivative by the divisor.
TEST_F(Binary, SubnormalOperandsGiveNoNaN) {
  const Output x = constant(graph, std::vector<float>{1e-40f}), zero = constant(graph, std::vector<float>{0});
  EXPECT_EQ(run_both(gradients(pow(x, zero), {x})[0]).at(0), 0);
  EXPECT_EQ(run_both(gradients(zero / x, {x})[0]).at(0), 0);
}

TEST_F(Binary, PowOfIntegersWrapsAroundAndRefusesNegativePowers) {
  EXPECT_EQ(elements(run_both(pow(ints({2, -3, 0, 5, 2}), ints({10, 3, 0, 0, 31})))),
            (Values{1024, -27, 1, 1, static_cast<double>(INT32_MIN)}));
  EXPECT_EQ(elements(run_both(pow(ints({1, 2, 3}), 2))), (Values{1, 4, 9}));
  const Output y = placeholder(graph, DType::kInt32, {2});
  const Output z = pow(ints({1, 2}), y, "cube");
  for (const char* device : {"cpu:0", "ref:0"}) {
    Session session(graph, {.device = device});
    const auto run = [&] { session.run({{y, Tensor::from<std::int32_t>({1, -1})}}, {z}); };
    expect_error(Code::kInvalidArgument, "[Pow 'cube' at binary_test.cc:", run);
    expect_error(Code::kInvalidArgument, "an integer to a negative power is no integer; cast both operands", run);
  }
}

TEST_F(Binary, PowHasItsMixedDerivativeAtPowerZero) {
  // d2 x^y / dx dy = x^(y-1) (1 + y ln x), which is 1 / x at y = 0.
  const Output x = doubles({2, 4, 0.5}), y = doubles({0, 0, 0});
  const Output dx = gradients(reduce_sum(pow(x, y)), {x})[0];
  EXPECT_EQ(elements(run_both(gradients(reduce_sum(dx), {y})[0])), (Values{0.5, 0.25, 2}));
}

TEST_F(Binary, GradientsAreSummedBackOverBroadcastDimensions) {
  const Output x = placeholder(graph, DType::kFloat64, {-1, 3}), y = doubles({1, 2, 3}),
               s = scalar(graph, 2.0, DType::kFloat64);
  const auto d = gradients(reduce_sum(x * y * s), {x, y, s});
  const Feeds feeds{{x, Tensor::from<double>({2, 3}, {1, 1, 1, 2, 2, 2})}};
  EXPECT_EQ(elements(run_both(d[0], feeds)), (Values{2, 4, 6, 2, 4, 6}));
  EXPECT_EQ(elements(run_both(d[1], feeds)), (Values{6, 6, 6}));  // s * column sums of x
  EXPECT_EQ(elements(run_both(d[2], feeds)), (Values{18}));       // sum of x * y
}

TEST_F(Binary, SizesAreFollowedThroughArithmetic) {
  const Output x = placeholder(graph, DType::kFloat32, {6, 4});
  const Output half = floor_div(shape(x), 2.0) + ints({1, 0});
  EXPECT_EQ(fill(maximum(half, 3.0), scalar(graph, 0.0, DType::kFloat32)).shape(), Shape({4, 3}));
}

TEST_F(Binary, InPlaceResultsAreTheSame) {
  // A chain whose every node may take the memory of the one before, beside the same chain without such freedom.
  const Output x = placeholder(graph, DType::kFloat32, {50, 1001});
  const Output y = square(x - 0.5) * x + maximum(x, 0.25) / (1.0 + square(x));
  const Feeds feeds{{x, random_normal_tensor(DType::kFloat32, {50, 1001}, 1)}};
  Session fast(graph, {.num_threads = 2});
  Session plain(graph, {.num_threads = 1, .optimize = false});
  EXPECT_TRUE(bit_equal(fast.run(feeds, {y})[0], plain.run(feeds, {y})[0]));
}

}  // namespace
}  // namespace gradus
