// Elements by one index per dimension, and tensors as lines: << of tensors, shapes and dtypes.
#include <gtest/gtest.h>

#include <cmath>
#include <iomanip>
#include <sstream>

#include "gradus/core/tensor.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

template <class T>
std::string streamed(const T& value, int precision = 6) {
  std::ostringstream out;
  out << std::setprecision(precision) << value;
  return out.str();
}

// 0, 1, 2, ... in row-major order.
Tensor counted(DType dtype, const Shape& shape) {
  Tensor t(dtype, shape);
  for (std::int64_t i = 0; i < t.num_elements(); ++i) t.set(i, static_cast<double>(i));
  return t;
}

TEST(TensorIndices, OnePerDimensionMeanTheElementInRowMajorOrder) {
  Tensor t = counted(DType::kFloat32, {2, 3, 4});
  EXPECT_EQ(t.at({0, 0, 0}), 0);
  EXPECT_EQ(t.at({1, 2, 3}), 23);
  EXPECT_EQ(t.at({1, 0, 2}), 14);  // 1 * 12 + 0 * 4 + 2
  t.set({0, 1, 2}, -5);
  EXPECT_EQ(t.at(6), -5);
  EXPECT_EQ(Tensor::scalar(7.0).at({}), 7);
  EXPECT_EQ(Tensor::from<std::int32_t>({4, 5}).at({1}), 5);
  EXPECT_EQ(counted(DType::kInt64, {4, 2}).rows(1, 3).at({1, 1}), 5);  // of a window on rows
}

TEST(TensorIndices, OutsideTheShapeAreErrorsThatShowIt) {
  Tensor t = counted(DType::kFloat32, {2, 3});
  expect_error(Code::kOutOfRange, "index 3 of axis 1 is outside [0, 3); got {1, 3} for shape [2,3]", [&] {
    (void)t.at({1, 3});
  });
  expect_error(Code::kOutOfRange, "index -1 of axis 0 is outside [0, 2); got {-1, 0} for shape [2,3]", [&] {
    t.set({-1, 0}, 1.0);
  });
  expect_error(Code::kInvalidArgument, "one index per dimension, 2 for shape [2,3]; got {1}", [&] { (void)t.at({1}); });
  expect_error(Code::kInvalidArgument, "0 for shape []; got {0}", [] { (void)Tensor::scalar(1.0).at({0}); });
  expect_error(Code::kOutOfRange, "index 6 of 6 elements; the shape is [2,3]", [&] { (void)t.at(6); });
  expect_error(Code::kInvalidArgument, "never given a value", [] { (void)Tensor().at({0, 0}); });
  expect_error(Code::kInvalidArgument, "never given a value", [] { (void)Tensor().at(0); });
}

TEST(Streams, ShapesAndDTypesAreWrittenAsInErrors) {
  EXPECT_EQ(streamed(Shape{2, -1, 3}), "[2,?,3]");
  EXPECT_EQ(streamed(Shape{}), "[]");
  EXPECT_EQ(streamed(DType::kFloat16), "float16");
  EXPECT_EQ(streamed(DType::kBool), "bool");
}

TEST(Streams, AMatrixHasOneLinePerRow) {
  EXPECT_EQ(streamed(Tensor::from<float>({2, 3}, {1, -2.5, 3, 10, 0, 1e6})),
            "float32 [2,3] min -2.5 mean 166669 max 1e+06:\n"
            "[[    1,  -2.5,     3],\n"
            " [   10,     0, 1e+06]]");
  EXPECT_EQ(streamed(Tensor::from<std::int32_t>({2, 2}, {1, 20, -3, 4})), "int32 [2,2]:\n[[ 1, 20],\n [-3,  4]]");
  EXPECT_EQ(streamed(Tensor::from<double>({1, 2}, {0, 1}).cast(DType::kBool)), "bool [1,2]:\n[[false,  true]]");
}

TEST(Streams, BlocksOfMatricesAreSetApart) {
  EXPECT_EQ(streamed(counted(DType::kUInt8, {2, 2, 2})),
            "uint8 [2,2,2]:\n"
            "[[[0, 1],\n"
            "  [2, 3]],\n"
            "\n"
            " [[4, 5],\n"
            "  [6, 7]]]");
  EXPECT_EQ(streamed(counted(DType::kUInt8, {2, 1, 1, 1})), "uint8 [2,1,1,1]:\n[[[[0]]],\n\n\n [[[1]]]]");
}

TEST(Streams, ScalarsVectorsAndEmptyTensorsStayOnOneLine) {
  EXPECT_EQ(streamed(Tensor::scalar(0.5)), "float64 []: 0.5");
  EXPECT_EQ(streamed(Tensor::from<std::int32_t>({1, 2})), "int32 [2]: [1, 2]");
  EXPECT_EQ(streamed(Tensor::zeros(DType::kInt32, {33})).substr(0, 18), "int32 [33]: [0, 0,");
  EXPECT_EQ(streamed(Tensor::zeros(DType::kInt64, {2, 0})), "int64 [2,0]: [[], []]");
  EXPECT_LT(streamed(Tensor::zeros(DType::kInt32, {std::int64_t{1} << 40, 0})).size(), 200u);
  EXPECT_EQ(streamed(Tensor()), "(no value)");
}

TEST(Streams, ThePrecisionIsTheStreams) {
  const Tensor third = Tensor::from<double>({1, 1}, {1.0 / 3.0});
  EXPECT_EQ(streamed(third, 3), "float64 [1,1]:\n[[0.333]]");
  EXPECT_EQ(streamed(third, 17), "float64 [1,1]:\n[[0.33333333333333331]]");
  EXPECT_EQ(streamed(Tensor::scalar(1.0 / 3.0), 2), "float64 []: 0.33");
  EXPECT_EQ(streamed(third, 0), streamed(third, 1));
  EXPECT_EQ(third.to_lines({.precision = 100}), streamed(third, 17));
}

TEST(Lines, OfALargeTensorShowItsEdges) {
  EXPECT_EQ(counted(DType::kInt32, {8, 7}).to_lines({.max_elements = 55, .edge_items = 2}),
            "int32 [8,7]:\n"
            "[[ 0,  1, ...,  5,  6],\n"
            " [ 7,  8, ..., 12, 13],\n"
            " ...,\n"
            " [42, 43, ..., 47, 48],\n"
            " [49, 50, ..., 54, 55]]");
  // At most 1000 elements are written in full; an axis of up to six has no gap.
  EXPECT_EQ(streamed(counted(DType::kInt32, {10, 100})).find("..."), std::string::npos);
  const std::string large = streamed(counted(DType::kInt32, {6, 1000}));
  EXPECT_EQ(std::count(large.begin(), large.end(), '\n'), 6);
  EXPECT_NE(large.find("[   0,    1,    2, ...,  997,  998,  999]"), std::string::npos) << large;
  EXPECT_NE(large.find(" [5000, 5001, 5002, ..., 5997, 5998, 5999]]"), std::string::npos) << large;
  EXPECT_LT(streamed(Tensor::zeros(DType::kUInt8, {100, 100, 100})).size(), 2000u);
}

TEST(Lines, WideRowsGoOn) {
  EXPECT_EQ(counted(DType::kInt32, {1, 5}).to_lines({.line_width = 10}), "int32 [1,5]:\n[[0, 1, 2,\n  3, 4]]");
  EXPECT_EQ(counted(DType::kInt32, {5}).to_lines({.line_width = 8}), "int32 [5]:\n[0, 1,\n 2, 3,\n 4]");
  EXPECT_EQ(counted(DType::kInt32, {5}).to_lines(), "int32 [5]: [0, 1, 2, 3, 4]");
  const std::string wide = streamed(Tensor::full(DType::kFloat64, {2, 50}, 123456.0));
  std::istringstream lines(wide.substr(wide.find('\n') + 1));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

TEST(Lines, NaNAndInfinityAreCountedInTheHead) {
  EXPECT_EQ(streamed(Tensor::from<double>({2, 1}, {std::nan(""), 2})),
            "float64 [2,1] min 2 mean 2 max 2 (1 not finite):\n[[nan],\n [  2]]");
}

}  // namespace
}  // namespace gradus
