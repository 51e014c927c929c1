#include "gradus/ops/argmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

class ArgMax : public ::testing::Test {
 protected:
  Output tensor(const Shape& shape, const Values& values) { return constant(graph, Tensor::from(shape, values)); }
  Output ints(const std::vector<std::int32_t>& values) { return constant(graph, values); }
  Graph graph;
};

TEST_F(ArgMax, ByHandTheFirstOfEqualsWins) {
  const Output x = tensor({2, 3}, {1, 5, 5, 7, 0, 0});
  EXPECT_EQ(elements(run_both(argmax(x, 1))), (Values{1, 0}));
  EXPECT_EQ(elements(run_both(argmin(x, -1))), (Values{0, 1}));
  EXPECT_EQ(elements(run_both(argmax(x, 0))), (Values{1, 0, 0}));
  EXPECT_EQ(argmax(x, 0).dtype(), DType::kInt64);
  EXPECT_EQ(argmax(x, 0, DType::kInt32).dtype(), DType::kInt32);
}

TEST_F(ArgMax, TheFirstNaNWins) {
  const double nan = std::nan("");
  EXPECT_EQ(run_both(argmax(tensor({4}, {1, nan, 9, nan}), 0)).at(0), 1);
  EXPECT_EQ(run_both(argmin(tensor({3}, {nan, -9, 1}), 0)).at(0), 0);
}

// The CPU searches several lines at once, and parts of a long one: lines of any length, along any axis, with ties and NaN.
TEST_F(ArgMax, LinesOfAnyLength) {
  for (const std::int64_t length : {1, 9, 63, 64, 65, 130, 1000}) {
    for (const std::int64_t nans : {0, 1, 7}) {
      const Shape shape{19, length};
      Values values;
      for (std::int64_t i = 0; i < shape.num_elements(); ++i)
        values.push_back(nans > 0 && i * i % 101 < nans ? std::nan("") : static_cast<double>(i * 7919 % 31 % 5));
      for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kBFloat16, DType::kInt32, DType::kUInt8}) {
        if (nans > 0 && !kFloating.contains(dtype)) continue;
        const Output x = constant(graph, Tensor::from(shape, values).cast(dtype));
        for (const std::int64_t axis : {0, 1}) {
          run_both(argmax(x, axis));  // both backends, compared
          run_both(argmin(x, axis, DType::kInt32));
        }
      }
    }
  }
}

TEST_F(ArgMax, InTopKCountsTiesAsIn) {
  const Output p = tensor({4, 3}, {1, 2, 3, 5, 5, 1, 2, 2, 2, 3, 2, 1});
  EXPECT_EQ(elements(run_both(in_top_k(p, ints({1, 1, 2, 2}), 1))), (Values{0, 1, 1, 0}));
  EXPECT_EQ(elements(run_both(in_top_k(p, ints({1, 1, 2, 2}), 2))), (Values{1, 1, 1, 0}));
}

TEST_F(ArgMax, InTopKIsFalseWhereNothingCanBeSaid) {
  const double inf = std::numeric_limits<double>::infinity();
  const Output p = tensor({4, 2}, {1, 2, 1, 2, std::nan(""), 1, 1, inf});
  EXPECT_EQ(elements(run_both(in_top_k(p, ints({2, -1, 1, 1}), 2))), (Values{0, 0, 0, 0}));
}

TEST_F(ArgMax, ErrorsNameAxesAndShapes) {
  const Output x = placeholder(graph, DType::kFloat32, {3, 0}), p = placeholder(graph, DType::kFloat32, {3, 4});
  expect_error(Code::kInvalidArgument, "[ArgMax 'ArgMax' at argmax_test.cc:", [&] { argmax(x, 1); });
  expect_error(Code::kInvalidArgument, "axis 1 of [3,0] has no elements", [&] { argmax(x, 1); });
  expect_error(Code::kInvalidArgument, "axis -3 is outside", [&] { argmax(x, -3); });
  expect_error(Code::kInvalidArgument, "output_type must be int32 or int64; got float32",
               [&] { argmax(p, 0, DType::kFloat32); });
  expect_error(Code::kInvalidArgument, "predictions [3,4] and targets [2] must have as many rows", [&] {
    in_top_k(p, ints({1, 2}), 1);
  });
}

}  // namespace
}  // namespace gradus
