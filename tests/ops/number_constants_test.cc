// Numbers beside integer dtypes (core/number.h): Pad's constant_value, OneHot's values, scalar(). What the dtype does not hold is
// refused at the user's line; what it holds arrives exactly, on both backends.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/gradus.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

constexpr std::int64_t kOddNumber = (std::int64_t{1} << 53) + 1;  // no double is equal to it

TEST(NumberConstants, PadRefusesWhatTheDtypeDoesNotHold) {
  Graph graph;
  const std::pair<DType, std::vector<Number>> wrong[] = {
      {DType::kUInt8, {300, 256, -1, 0.5, kInf, -kInf, std::nan("")}},
      {DType::kInt32, {2147483648.0, -2147483649.0, 1.5, kInf, std::nan("")}},
      {DType::kInt64, {9223372036854775808.0, -1e19, 0.25, -kInf, std::nan("")}},
      {DType::kBool, {2, -1, 0.5, std::nan("")}},
  };
  for (const auto& [dtype, values] : wrong) {
    const Output x = placeholder(graph, dtype, {1});
    for (const Number& value : values) {
      const int line = __LINE__ + 1;
      const auto build = [&, x = x] { pad(x, {1, 0}, PadMode::kConstant, value, "p"); };
      const std::string where =
          "[Pad 'p' at number_constants_test.cc:" + std::to_string(line) + "] constant_value must be ";
      expect_error(Code::kInvalidArgument, where, build);
      expect_error(Code::kInvalidArgument, "; got " + value.to_string(), build);
    }
  }
  expect_error(Code::kInvalidArgument, "constant_value must be an integer from 0 to 255 for uint8; got 300", [&] {
    pad(placeholder(graph, DType::kUInt8, {1}), {1, 0}, PadMode::kConstant, 300);
  });
}

TEST(NumberConstants, PadPutsInExactlyWhatItIsGiven) {
  Graph graph;
  const auto padded = [&](DType dtype, Number value) {
    return run_both(pad(constant(graph, Tensor::zeros(dtype, {1})), {1, 0}, PadMode::kConstant, value));
  };
  EXPECT_EQ(padded(DType::kInt64, kOddNumber).data<std::int64_t>()[0], kOddNumber);
  EXPECT_EQ(padded(DType::kInt64, INT64_MIN).data<std::int64_t>()[0], INT64_MIN);
  EXPECT_EQ(padded(DType::kInt64, INT64_MAX).data<std::int64_t>()[0], INT64_MAX);
  EXPECT_EQ(padded(DType::kInt32, INT32_MIN).data<std::int32_t>()[0], INT32_MIN);
  EXPECT_EQ(padded(DType::kUInt8, 255).data<std::uint8_t>()[0], 255);
  EXPECT_EQ(padded(DType::kBool, 1).data<bool>()[0], true);
  EXPECT_EQ(padded(DType::kFloat64, 0.1).at(0), 0.1);
  EXPECT_EQ(padded(DType::kFloat32, -kInf).at(0), -kInf);
  EXPECT_TRUE(std::isnan(padded(DType::kFloat16, std::nan("")).at(0)));
}

TEST(NumberConstants, OneHotLikewise) {
  Graph graph;
  const Output indices = constant(graph, std::vector<std::int32_t>{1});
  expect_error(Code::kInvalidArgument, "on_value must be an integer from 0 to 255 for uint8; got -1",
               [&] { one_hot(indices, {.depth = 2, .on_value = -1, .dtype = DType::kUInt8}); });
  expect_error(Code::kInvalidArgument, "off_value must be an integer from -2147483648 to 2147483647 for int32; got inf",
               [&] { one_hot(indices, {.depth = 2, .off_value = kInf, .dtype = DType::kInt32}); });
  const Tensor y = run_both(
      one_hot(indices, {.depth = 2, .on_value = kOddNumber, .off_value = -kOddNumber, .dtype = DType::kInt64}));
  EXPECT_EQ(y.data<std::int64_t>()[0], -kOddNumber);
  EXPECT_EQ(y.data<std::int64_t>()[1], kOddNumber);
}

TEST(NumberConstants, ScalarLikewise) {
  Graph graph;
  expect_error(Code::kInvalidArgument,
               "[scalar 's' at number_constants_test.cc:", [&] { scalar(graph, 300, DType::kUInt8, "s"); });
  expect_error(Code::kInvalidArgument, "the value must be an integer from -2147483648 to 2147483647 for int32; got 0.5",
               [&] { scalar(graph, 0.5, DType::kInt32); });
  EXPECT_EQ(run_both(scalar(graph, kOddNumber, DType::kInt64)).item<std::int64_t>(), kOddNumber);
  EXPECT_EQ(run_both(scalar(graph, 0.1, DType::kFloat32)).item<float>(), 0.1f);
}

// An int64 beyond 2^53 survives files; a file written before a number could be one holds 0.0.
TEST(NumberConstants, SurviveGraphFiles) {
  Graph graph;
  const Output x = placeholder(graph, DType::kInt64, {1}, "x");
  pad(x, {1, 0}, PadMode::kConstant, kOddNumber, "odd");
  pad(placeholder(graph, DType::kFloat32, {1}, "f"), {1, 0}, PadMode::kConstant, -kInf, "inf");
  const std::string text = to_json(graph);
  Graph copy;
  graph_from_json(text, copy);
  EXPECT_EQ(copy.find_node("odd")->attrs().get<PadAttrs>().constant_value.integer(), kOddNumber);
  EXPECT_EQ(copy.find_node("inf")->attrs().get<PadAttrs>().constant_value.real(), -kInf);
  std::string old = text;
  const std::string number = "\"constant_value\": " + std::to_string(kOddNumber);
  old.replace(old.find(number), number.size(), "\"constant_value\": 7.0");
  Graph from_old;
  graph_from_json(old, from_old);
  EXPECT_TRUE(from_old.find_node("odd")->attrs().get<PadAttrs>().constant_value == Number(7));
}

}  // namespace
}  // namespace gradus
