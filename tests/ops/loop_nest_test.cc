// The loops behind broadcasting, copies and reductions: which ones are joined, and where they lead. Expected numbers by hand.
#include "gradus/backends/common/loop_nest.h"

#include <gtest/gtest.h>

#include <vector>

namespace gradus::common {
namespace {

TEST(LoopNest, LoopsOfOneGoAndEvenNeighboursJoin) {
  LoopNest nest;  // a [2,3,1,4] tensor beside one that repeats along the first dimension
  nest.add(2, {12, 0});
  nest.add(3, {4, 4});
  nest.add(1, {4, 7});
  nest.add(4, {1, 1});
  ASSERT_EQ(nest.size(), 2);
  EXPECT_EQ(nest[0].count, 2);
  EXPECT_EQ(nest.row().count, 12);
  EXPECT_EQ(nest.row().strides, (LoopNest::Offsets{1, 1}));
  EXPECT_EQ(nest.iterations(), 24);
}

TEST(LoopNest, AnOffsetIsTheSumOverTheLoops) {
  LoopNest nest;  // the columns of a [3,5] matrix, the last row first
  nest.add(5, {1});
  nest.add(3, {-5});
  EXPECT_EQ(nest.offsets(0)[0], 0);
  EXPECT_EQ(nest.offsets(7)[0], 2 - 5);
  EXPECT_EQ(nest.offsets(14)[0], 4 - 10);
}

TEST(LoopNest, RowsOfAPartBeginAndEndWithinRows) {
  LoopNest nest;  // [2,2,3], of which operand 1 repeats the middle dimension
  nest.add(2, {6, 3});
  nest.add(2, {3, 0});
  nest.add(3, {1, 1});
  std::vector<std::vector<std::int64_t>> rows;
  nest.for_rows(2, 8, [&](const LoopNest::Offsets& at, std::int64_t first, std::int64_t count) {
    rows.push_back({at[0], at[1], first, count});
  });
  EXPECT_EQ(rows, (std::vector<std::vector<std::int64_t>>{{2, 2, 2, 1}, {3, 0, 3, 3}, {6, 3, 6, 2}}));
}

TEST(LoopNest, WithoutLoopsThereIsOneIteration) {
  const LoopNest nest;
  EXPECT_EQ(nest.iterations(), 1);
  int calls = 0;
  nest.for_rows(0, 1, [&](const LoopNest::Offsets& at, std::int64_t first, std::int64_t count) {
    EXPECT_EQ(at, LoopNest::Offsets{});
    EXPECT_EQ(first, 0);
    EXPECT_EQ(count, 1);
    ++calls;
  });
  EXPECT_EQ(calls, 1);
  nest.for_rows(0, 0, [&](const LoopNest::Offsets&, std::int64_t, std::int64_t) { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(LoopNest, BroadcastStridesAreThoseOfTheRightMostDimensions) {
  const auto strides = broadcast_strides(Shape{3, 1, 5}, Shape{2, 3, 4, 5});
  EXPECT_EQ(strides[0], 0);
  EXPECT_EQ(strides[1], 5);
  EXPECT_EQ(strides[2], 0);
  EXPECT_EQ(strides[3], 1);
}

}  // namespace
}  // namespace gradus::common
