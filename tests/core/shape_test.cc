// Shape: unknown dimensions, overflow, broadcasting.
#include "gradus/core/shape.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"

namespace gradus {
namespace {

constexpr std::int64_t kBig = std::numeric_limits<std::int64_t>::max();

TEST(Shape, KeepsItsDimensions) {
  Shape shape = {2, 3, 5};
  EXPECT_EQ(shape.rank(), 3);
  EXPECT_EQ(shape[2], 5);
  EXPECT_EQ(shape.num_elements(), 30);
  EXPECT_EQ(shape.to_string(), "[2,3,5]");
  EXPECT_EQ(shape.dims(), (std::vector<std::int64_t>{2, 3, 5}));
  shape.set_dim(1, kUnknownDim);
  EXPECT_FALSE(shape.fully_known());
  EXPECT_EQ(shape.to_string(), "[2,?,5]");
  EXPECT_EQ(Shape().rank(), 0);
  EXPECT_EQ(Shape().num_elements(), 1);
  EXPECT_EQ(Shape().to_string(), "[]");
  EXPECT_EQ(Shape::of_rank(2).to_string(), "[?,?]");
}

TEST(Shape, ShapesOfDifferentRankDiffer) {
  EXPECT_TRUE((Shape{2, 3} == Shape{2, 3}));
  EXPECT_FALSE((Shape{2, 3} == Shape{2, 3, 1}));
  EXPECT_FALSE((Shape{2} == Shape{}));
}

TEST(Shape, RefusesBadDimensions) {
  expect_error(Code::kInvalidArgument, "at least 0, or -1 for unknown; got -2", [] { Shape{2, -2}; });
  expect_error(Code::kInvalidArgument, "at most 8", [] { Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}); });
  EXPECT_EQ(Shape({1, 1, 1, 1, 1, 1, 1, 1}).rank(), 8);
}

TEST(Shape, ARefusedChangeChangesNothing) {
  Shape shape = {1, 2};
  expect_error(Code::kInvalidArgument, "a shape of rank 2 has no dimension 2", [&] { shape.set_dim(2, 1); });
  expect_error(Code::kInvalidArgument, "a shape of rank 2 has no dimension -1", [&] { shape.set_dim(-1, 1); });
  expect_error(Code::kInvalidArgument, "got -5", [&] { shape.push_back(-5); });
  EXPECT_EQ(shape, (Shape{1, 2}));
}

TEST(Shape, ElementCountsDoNotOverflow) {
  EXPECT_EQ((Shape{kBig}).num_elements(), kBig);
  expect_error(Code::kInvalidArgument, "does not fit in 63 bits", [] { (void)(Shape{kBig, 2}).num_elements(); });
  expect_error(Code::kInvalidArgument, "does not fit in 63 bits", [] {
    (void)(Shape{1LL << 32, 1LL << 31}).num_elements();
  });
  EXPECT_EQ((Shape{kBig, kBig, 0}).num_elements(), 0);  // nothing to count, whatever the other sizes
  expect_error(Code::kInvalidArgument, "unknown dimensions", [] { (void)(Shape{2, kUnknownDim}).num_elements(); });
  std::int64_t product = 0;
  EXPECT_TRUE(checked_multiply(1LL << 31, 1LL << 31, &product));
  EXPECT_EQ(product, 1LL << 62);
  EXPECT_FALSE(checked_multiply(1LL << 32, 1LL << 31, &product));
}

TEST(Shape, CompatibleShapesMerge) {
  const Shape known = {2, 3};
  const Shape batch = {-1, 3};
  EXPECT_TRUE(batch.compatible_with(known));
  EXPECT_FALSE((Shape{-1, 4}).compatible_with(known));
  EXPECT_FALSE((Shape{2}).compatible_with(known));
  EXPECT_EQ(batch.merged_with(known), known);
  EXPECT_EQ(batch.merged_with(Shape{2, -1}), known);
  EXPECT_EQ(batch.merged_with(batch), batch);
  expect_error(Code::kInvalidArgument, "[?,3] and [2,4] contradict", [&] { (void)batch.merged_with(Shape{2, 4}); });
}

TEST(Shape, BroadcastsLikeNumPy) {
  EXPECT_EQ(broadcast_shapes({2, 3}, {3}), (Shape{2, 3}));
  EXPECT_EQ(broadcast_shapes({2, 1, 4}, {3, 1}), (Shape{2, 3, 4}));
  EXPECT_EQ(broadcast_shapes({}, {5}), (Shape{5}));
  EXPECT_EQ(broadcast_shapes({0}, {1}), (Shape{0}));
  EXPECT_EQ(broadcast_shapes({2, 0}, {1, 1}), (Shape{2, 0}));
  expect_error(Code::kInvalidArgument, "[2,3] and [2] do not broadcast", [] { broadcast_shapes({2, 3}, {2}); });
  expect_error(Code::kInvalidArgument, "do not broadcast", [] { broadcast_shapes({0}, {2}); });
}

TEST(Shape, BroadcastingUnknownDimensionsPromisesOnlyWhatIsSure) {
  EXPECT_EQ(broadcast_shapes({-1, 3}, {3}), (Shape{-1, 3}));
  EXPECT_EQ(broadcast_shapes({-1}, {-1}), (Shape{-1}));
  EXPECT_EQ(broadcast_shapes({-1}, {4}), (Shape{4}));  // -1 turns out to be 1 or 4
  EXPECT_EQ(broadcast_shapes({-1}, {1}), (Shape{-1}));
}

TEST(Shape, AxesCountFromBothEnds) {
  EXPECT_EQ(normalize_axis(0, 3), 0);
  EXPECT_EQ(normalize_axis(2, 3), 2);
  EXPECT_EQ(normalize_axis(-1, 3), 2);
  EXPECT_EQ(normalize_axis(-3, 3), 0);
  expect_error(Code::kInvalidArgument, "axis 3 is outside [-3, 3)", [] { normalize_axis(3, 3); });
  expect_error(Code::kInvalidArgument, "axis -4", [] { normalize_axis(-4, 3); });
  expect_error(Code::kInvalidArgument, "axis 0", [] { normalize_axis(0, 0); });
}

}  // namespace
}  // namespace gradus
