// Static shapes and followed values of the array ops, and what their builders refuse. No kernel runs here.
#include <gtest/gtest.h>

#include "gradus/ops/concat.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/gather.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/pad.h"
#include "gradus/ops/reshape.h"
#include "gradus/ops/reverse.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/slice.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/tile.h"
#include "gradus/ops/transpose.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

class ArrayShapes : public ::testing::Test {
 protected:
  Output input(const Shape& shape, DType dtype = DType::kFloat32) { return placeholder(graph, dtype, shape, "x"); }
  Output ints(const std::vector<std::int32_t>& values) { return constant(graph, values); }
  void expect_refused(const std::string& part, FunctionRef<void()> call, Code code = Code::kInvalidArgument) {
    expect_error(code, part, call);
  }
  Graph graph;
};

TEST_F(ArrayShapes, ReshapeInfersTheMinusOne) {
  EXPECT_EQ(reshape(input({4, 6}), {-1, 3}).shape(), Shape({8, 3}));
  EXPECT_EQ(reshape(input({-1, 6}), {-1, 3}).shape(), Shape({-1, 3}));
  EXPECT_EQ(reshape(input({2, 6}), {3, 4}).shape(), Shape({3, 4}));
  EXPECT_EQ(reshape(input({1}), std::vector<std::int64_t>{}).shape(), Shape({}));
}

TEST_F(ArrayShapes, ReshapeWithAnUnknownBatchKeepsWhatTheBatchCannotChange) {
  const Output x = input({-1, 28, 28, 3});
  const Output batch = slice(shape(x), {0}, {1});
  EXPECT_EQ(reshape(x, concat({batch, ints({-1})}, 0)).shape(), Shape({-1, 2352}));
  const Output strided = strided_slice(shape(x), {0}, {1});
  EXPECT_EQ(reshape(x, concat({strided, ints({784, -1})}, 0)).shape(), Shape({-1, 784, 3}));
  const Output scalar_batch = strided_slice(shape(x), {0}, {1}, {}, {.shrink_axis_mask = 1});
  EXPECT_EQ(reshape(x, stack({scalar_batch, scalar(graph, -1, DType::kInt32)})).shape(), Shape({-1, 2352}));
}

TEST_F(ArrayShapes, ReshapeClaimsNothingAboutAForeignUnknown) {
  const Output x = input({-1, 28});
  const Output other = placeholder(graph, DType::kInt32, {1}, "other");
  EXPECT_EQ(reshape(x, concat({other, ints({-1})}, 0)).shape(), Shape({-1, -1}));
  EXPECT_EQ(reshape(x, placeholder(graph, DType::kInt64, {3})).shape(), Shape({-1, -1, -1}));
}

TEST_F(ArrayShapes, ReshapeRefusals) {
  expect_refused("same number of elements; got shape [2,3] to [7]", [&] { reshape(input({2, 3}), {7}); });
  expect_refused("must divide", [&] { reshape(input({2, 3}), {4, -1}); });
  expect_refused("may have one -1", [&] { reshape(input({2, 3}), {-1, -1}); });
  expect_refused("at least 0, or -1 once", [&] { reshape(input({2, 3}), {-2, 3}); });
  expect_refused("beside a size of 0", [&] { reshape(input({0, 3}), std::vector<std::int64_t>{0, -1}); });
  expect_refused("63 bits", [&] { reshape(input({2, 3}), {INT64_MAX, 2}); });
  expect_refused("int32 or int64 vector", [&] { reshape(input({2, 3}), input({2})); });
  expect_refused("known length", [&] { reshape(input({2, 3}), placeholder(graph, DType::kInt32, {-1})); });
  expect_refused("[Reshape 'flat' at array_shapes_test.cc:", [&] { reshape(input({2, 3}), {7}, "flat"); });
}

TEST_F(ArrayShapes, ExpandDimsAndSqueeze) {
  EXPECT_EQ(expand_dims(input({2, -1}), -1).shape(), Shape({2, -1, 1}));
  EXPECT_EQ(squeeze(input({1, -1, 1}), {0, -1}).shape(), Shape({-1}));
  expect_refused("axis must lie in [-3, 2]", [&] { expand_dims(input({2, 3}), 3); });
  expect_refused("only dimensions of size 1", [&] { squeeze(input({2, 1}), {0}); });
  expect_refused("name the axes", [&] { squeeze(input({-1, 1})); });
}

TEST_F(ArrayShapes, FillBroadcastRange) {
  EXPECT_EQ(fill({2, 3}, input({})).shape(), Shape({2, 3}));
  EXPECT_EQ(fill(shape(input({-1, 3})), input({})).shape(), Shape({-1, 3}));
  EXPECT_EQ(broadcast_to(input({-1, 1}), {4, 5}).shape(), Shape({4, 5}));
  EXPECT_EQ(range(graph, 1, 10, 4).shape(), Shape({3}));
  expect_refused("value must have rank 0", [&] { fill({2}, input({1})); });
  expect_refused("sizes must be at least 0", [&] { fill({2, -1}, input({})); });
  expect_refused("shape [2,3] does not broadcast to [2,4]", [&] { broadcast_to(input({2, 3}), {2, 4}); });
  expect_refused("does not broadcast", [&] { broadcast_to(input({2, 3}), {3}); });
  expect_refused("delta must not be 0", [&] { range(graph, 0, 4, 0); });
  const auto number = [&](std::int64_t value) { return constant(graph, Tensor::scalar(value)); };
  expect_refused("the element count does not fit in 63 bits; got start -9223372036854775807, limit 9223372036854775807",
                 [&] { range(number(-INT64_MAX), number(INT64_MAX), number(1)); });
  EXPECT_EQ(range(number(-INT64_MAX), number(INT64_MAX), number(INT64_MAX)).shape(), Shape({2}));
}

TEST_F(ArrayShapes, ValuesAreFollowedThroughShapeArithmetic) {
  const Output x = input({-1, 4, 5});
  const auto value = [&](const Output& y) { return graph.known_value(y).value(); };
  EXPECT_EQ(value(shape(x)), (IntValues{kUnknownValue, 4, 5}));
  EXPECT_EQ(value(rank(x)), IntValues{3});
  EXPECT_EQ(value(size(input({3, 4}))), IntValues{12});
  EXPECT_EQ(value(concat({shape(x), ints({7})}, 0)), (IntValues{kUnknownValue, 4, 5, 7}));
  EXPECT_EQ(value(strided_slice(shape(x), {-1}, {0}, {-1})), (IntValues{5, 4}));
  EXPECT_EQ(value(gather(shape(x), ints({2, 0}))), (IntValues{5, kUnknownValue}));
  EXPECT_EQ(value(range(graph, 3, 0, -2)), (IntValues{3, 1}));
  EXPECT_EQ(value(fill({2}, rank(x))), (IntValues{3, 3}));
  EXPECT_EQ(value(reshape(expand_dims(size(input({2, 2})), 0), std::vector<std::int64_t>{})), IntValues{4});
  EXPECT_EQ(value(squeeze(stack({shape(x)}), {0})), (IntValues{kUnknownValue, 4, 5}));
}

TEST_F(ArrayShapes, AnUnknownDimensionIsFollowedByItsSymbol) {
  const Output x = input({-1, 4, -1, 5}), sizes = shape(x), rest = constant(graph, std::vector<std::int64_t>{-1});
  const auto size_beside = [&](const Output& first) { return reshape(x, concat({first, rest}, 0)).shape()[1]; };
  const auto wide = [](const Output& y) { return cast(y, DType::kInt64); };
  const Output both = concat({slice(sizes, {0}, {1}), strided_slice(sizes, {2}, {3})}, 0);
  EXPECT_EQ(reshape(x, concat({wide(both), rest}, 0)).shape(), Shape({-1, -1, 20}));
  // In any order, by any op that only moves elements.
  EXPECT_EQ(reshape(x, concat({rest, wide(reverse(identity(both), {0}))}, 0)).shape(), Shape({20, -1, -1}));
  EXPECT_EQ(reshape(x, concat({wide(gather(sizes, ints({2, 0}))), rest}, 0)).shape(), Shape({-1, -1, 20}));
  // One of two unknown sizes says nothing, nor does one of them twice, a number made of them, or another tensor's.
  const Output first = wide(slice(sizes, {0}, {1}));
  EXPECT_EQ(size_beside(first), kUnknownDim);
  EXPECT_EQ(reshape(x, concat({first, first, rest}, 0)).shape()[2], kUnknownDim);
  const Output rows = input({-1, 6}), count = wide(slice(shape(rows), {0}, {1}));
  EXPECT_EQ(reshape(rows, concat({count, rest}, 0)).shape(), Shape({-1, 6}));
  EXPECT_EQ(reshape(rows, concat({count * 2, rest}, 0)).shape(), Shape({-1, -1}));
  EXPECT_EQ(reshape(rows, concat({wide(slice(shape(input({-1, 6})), {0}, {1})), rest}, 0)).shape(), Shape({-1, -1}));
  // Outside, an unknown value is unknown.
  EXPECT_EQ(graph.known_value(count).value(), IntValues{kUnknownValue});
}

TEST_F(ArrayShapes, ValuesOfAPieceOfUnknownSizeStayUnknown) {
  // The result's shape is known from the other piece alone.
  const Output stacked = stack({input({-1}, DType::kInt32), ints({2, 3})});
  EXPECT_EQ(fill(reshape(stacked, {4}), input({})).shape(), Shape({-1, -1, -1, -1}));
  const Output joined =
      concat({input({1, -1}, DType::kInt32), constant(graph, Tensor::from<std::int32_t>({1, 2}, {2, 3}))}, 0);
  EXPECT_EQ(fill(reshape(joined, {4}), input({})).shape(), Shape({-1, -1, -1, -1}));
}

TEST_F(ArrayShapes, TransposeConcatSplitStack) {
  EXPECT_EQ(transpose(input({-1, 2, 3}), {2, 0, 1}).shape(), Shape({3, -1, 2}));
  EXPECT_EQ(concat({input({-1, 2}), input({3, -1})}, 0).shape(), Shape({-1, 2}));
  EXPECT_EQ(concat({input({3, 2}), input({-1, 5})}, 1).shape(), Shape({3, 7}));
  EXPECT_EQ(split(input({6, -1}), 3, 0)[2].shape(), Shape({2, -1}));
  EXPECT_EQ(split_sizes(input({7}), {2, -1, 1}, 0)[1].shape(), Shape({4}));
  EXPECT_EQ(stack({input({-1, 2}), input({3, 2})}, -1).shape(), Shape({3, 2, 2}));
  EXPECT_EQ(unstack(input({-1, 2}), 0, 4).size(), 4u);
  expect_refused("perm must be a permutation of the dimensions of [2,3]; got [0,0]", [&] {
    transpose(input({2, 3}), {0, 0});
  });
  expect_refused("got [0,1,2]", [&] { transpose(input({2, 3}), {0, 1, 2}); });
  expect_refused("got [2,3] for value 0 and [4,4] for value 1", [&] { concat({input({2, 3}), input({4, 4})}, 0); });
  expect_refused("got [2] for value 0 and [2,2] for value 1", [&] { concat({input({2}), input({2, 2})}, 0); });
  expect_refused("same dtype", [&] { concat({input({2}), input({2}, DType::kInt32)}, 0); });
  expect_refused("axis 2 is outside [-2, 2)", [&] { concat({input({2, 3}), input({2, 3})}, 2); });
  expect_refused("num_splits must divide", [&] { split(input({7}), 2, 0); });
  expect_refused("sizes must add up", [&] { split_sizes(input({7}), {3, 3}, 0); });
  expect_refused("-1 once", [&] { split_sizes(input({7}), {-1, -1}, 0); });
  expect_refused("got [2] for value 0 and [3] for value 1", [&] { stack({input({2}), input({3})}); });
  expect_refused("num must be the size of axis 0", [&] { unstack(input({-1, 2})); });
  expect_refused("at least one value", [&] { concat({}, 0); });
}

TEST_F(ArrayShapes, Slices) {
  EXPECT_EQ(slice(input({4, -1}), {1, 0}, {-1, 2}).shape(), Shape({3, 2}));
  EXPECT_EQ(strided_slice(input({-1, 5}), {0, -3}, {0, 5}, {1, 2}, {.end_mask = 1}).shape(), Shape({-1, 2}));
  EXPECT_EQ(
      strided_slice(input({4, 5, 6}), {0, 1}, {0, 2}, {1, 1}, {.ellipsis_mask = 1, .shrink_axis_mask = 2}).shape(),
      Shape({4, 5}));
  EXPECT_EQ(strided_slice(input({4}), {0, 0}, {0, 4}, {1, 1}, {.new_axis_mask = 1}).shape(), Shape({1, 4}));
  expect_refused(
      "leaves axis 1 of shape [4,5]; got begin [0,3], size [4,3]",
      [&] {
        slice(input({4, 5}), {0, 3}, {4, 3});
      },
      Code::kOutOfRange);
  expect_refused("begin must be at least 0", [&] { slice(input({4}), {-1}, {2}); });
  expect_refused("one element per dimension", [&] { slice(input({4, 5}), {0}, {1}); });
  expect_refused("strides must not be 0", [&] { strided_slice(input({4}), {0}, {1}, {0}); });
  expect_refused("3 indices for shape [4,5]", [&] { strided_slice(input({4, 5}), {0, 0, 0}, {1, 1, 1}); });
  expect_refused(
      "index 4 is outside axis 0 of shape [4]",
      [&] { strided_slice(input({4}), {4}, {5}, {1}, {.shrink_axis_mask = 1}); }, Code::kOutOfRange);
}

TEST_F(ArrayShapes, PadTileGatherOneHot) {
  EXPECT_EQ(pad(input({2, -1}), {1, 2, 0, 3}).shape(), Shape({5, -1}));
  EXPECT_EQ(tile(input({2, -1}), {3, 2}).shape(), Shape({6, -1}));
  EXPECT_EQ(gather(input({-1, 3, 4}), input({2, 5}, DType::kInt32), 1).shape(), Shape({-1, 2, 5, 4}));
  EXPECT_EQ(one_hot(input({-1}, DType::kInt32), 10).shape(), Shape({-1, 10}));
  expect_refused("smaller than the dimension; got paddings [2,0] for shape [2]", [&] {
    pad(input({2}), {2, 0}, PadMode::kReflect);
  });
  expect_refused("paddings must be at least 0", [&] { pad(input({2}), {-1, 0}); });
  expect_refused("two elements per dimension", [&] { pad(input({2}), {1}); });
  expect_refused("one element >= 0 per dimension", [&] { tile(input({2, 3}), {2}); });
  expect_refused("one element >= 0 per dimension", [&] { tile(input({2}), {-2}); });
  expect_refused("indices must be int32 or int64", [&] { gather(input({3}), input({2})); });
  expect_refused("axis 1 is outside", [&] { gather(input({3}), input({2}, DType::kInt32), 1); });
  expect_refused("depth must be at least 0", [&] { one_hot(input({2}, DType::kInt32), -1); });
}

}  // namespace
}  // namespace gradus
