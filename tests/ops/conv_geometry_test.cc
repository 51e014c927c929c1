// Padding and output-size arithmetic against values worked out by hand, and its ranges and inverses against plain
// searches.
#include "gradus/ops/conv_geometry.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace gradus {
namespace {

const std::vector<std::int64_t> kOnes = {1, 1, 1, 1};

WindowAxis rows_of(std::int64_t in, std::int64_t window, std::int64_t stride, std::int64_t dilation, Padding padding,
                   const std::vector<std::int64_t>& paddings = {}) {
  const std::vector<std::int64_t> strides = {1, stride, 1, 1}, dilations = {1, dilation, 1, 1};
  return window_geometry({strides, dilations, padding, paddings, DataFormat::kNHWC}, {1, in, 4, 2}, window, 1, "window",
                         "")
      .rows;
}

TEST(ConvGeometry, SamePutsTheOddPixelAfterTheImage) {
  // in 6, kernel 3, stride 2: out = 3, total = 2*2 + 3 - 6 = 1, before 0, after 1
  const WindowAxis a = rows_of(6, 3, 2, 1, Padding::kSame);
  EXPECT_EQ(a.out, 3);
  EXPECT_EQ(a.pad_before, 0);
  EXPECT_EQ(a.pad_after, 1);
  // in 5, kernel 4, stride 1: out = 5, total = 3, before 1, after 2
  const WindowAxis b = rows_of(5, 4, 1, 1, Padding::kSame);
  EXPECT_EQ(b.out, 5);
  EXPECT_EQ(b.pad_before, 1);
  EXPECT_EQ(b.pad_after, 2);
}

TEST(ConvGeometry, SameNeedsNoPaddingWhereTheStrideExceedsTheKernel) {
  // in 7, kernel 2, stride 4: out = 2, total = max(4 + 2 - 7, 0) = 0
  const WindowAxis a = rows_of(7, 2, 4, 1, Padding::kSame);
  EXPECT_EQ(a.out, 2);
  EXPECT_EQ(a.pad_before, 0);
  EXPECT_EQ(a.pad_after, 0);
}

TEST(ConvGeometry, SameWithAKernelLargerThanTheImage) {
  // in 3, kernel 3, dilation 4: extent 9, out = 3, total = 2 + 9 - 3 = 8
  const WindowAxis a = rows_of(3, 3, 1, 4, Padding::kSame);
  EXPECT_EQ(a.extent(), 9);
  EXPECT_EQ(a.out, 3);
  EXPECT_EQ(a.pad_before, 4);
  EXPECT_EQ(a.pad_after, 4);
}

TEST(ConvGeometry, ValidAndExplicitRoundDown) {
  EXPECT_EQ(rows_of(8, 3, 2, 1, Padding::kValid).out, 3);  // (8 - 3) / 2 + 1
  EXPECT_EQ(rows_of(8, 3, 2, 2, Padding::kValid).out, 2);  // (8 - 5) / 2 + 1
  EXPECT_EQ(rows_of(5, 5, 1, 1, Padding::kValid).out, 1);
  EXPECT_EQ(rows_of(8, 3, 2, 1, Padding::kExplicit, {0, 0, 1, 2, 0, 0, 0, 0}).out, 5);  // (8 + 3 - 3) / 2 + 1
}

TEST(ConvGeometry, AnEmptyImageHasNoWindowsUnderSame) {
  const WindowAxis a = rows_of(0, 3, 2, 1, Padding::kSame);
  EXPECT_EQ(a.out, 0);
}

TEST(ConvGeometry, UnknownSizesLeaveUnknownWhatDependsOnThem) {
  const WindowGeometry g =
      window_geometry({kOnes, kOnes, Padding::kSame, {}, DataFormat::kNCHW}, {-1, 3, -1, 5}, 3, -1, "kernel", "");
  EXPECT_EQ(g.batch, kUnknownDim);
  EXPECT_EQ(g.channels, 3);
  EXPECT_EQ(g.rows.out, kUnknownDim);
  EXPECT_EQ(g.columns.out, 5);  // with SAME the kernel does not matter
  EXPECT_EQ(window_geometry({kOnes, kOnes, Padding::kValid, {}, DataFormat::kNCHW}, {-1, 3, -1, 5}, 3, -1, "kernel", "")
                .columns.out,
            kUnknownDim);
}

TEST(ConvGeometry, RangesAndInverseAgreeWithASearch) {
  for (const Padding padding : {Padding::kSame, Padding::kValid, Padding::kExplicit}) {
    for (std::int64_t in = 1; in <= 9; ++in)
      for (std::int64_t window = 1; window <= 4; ++window)
        for (std::int64_t stride = 1; stride <= 5; ++stride)
          for (std::int64_t dilation = 1; dilation <= 3; ++dilation) {
            const bool is_explicit = padding == Padding::kExplicit;
            if (padding != Padding::kSame && (window - 1) * dilation + 1 > in + (is_explicit ? 5 : 0)) continue;
            const WindowAxis a =
                rows_of(in, window, stride, dilation, padding,
                        is_explicit ? std::vector<std::int64_t>{0, 0, 2, 3, 0, 0, 0, 0} : std::vector<std::int64_t>{});
            for (std::int64_t position = 0; position < a.out; ++position) {
              const auto range = a.taps_inside(position);
              for (std::int64_t tap = 0; tap < window; ++tap) {
                const std::int64_t pixel = position * stride + tap * dilation - a.pad_before;
                const bool inside = pixel >= 0 && pixel < in;
                ASSERT_EQ(a.pixel(position, tap), pixel);
                ASSERT_EQ(inside, tap >= range.begin && tap < range.end);
                const auto positions = a.positions_inside(tap);
                ASSERT_EQ(inside, position >= positions.begin && position < positions.end);
                std::int64_t back = -99;
                ASSERT_TRUE(a.position(pixel, tap, &back));
                ASSERT_EQ(back, position);
                if (stride > 1) {
                  ASSERT_FALSE(a.position(pixel + 1, tap, &back));
                }
              }
            }
          }
  }
}

TEST(ConvGeometry, SaysWhatIsWrongWithAPlacement) {
  const auto place = [](const std::vector<std::int64_t>& strides, const std::vector<std::int64_t>& dilations,
                        Padding padding, const std::vector<std::int64_t>& paddings) {
    return [=] { check_placement({strides, dilations, padding, paddings, DataFormat::kNHWC}); };
  };
  const Code invalid = Code::kInvalidArgument;
  expect_error(invalid, "strides must be 4 integers in NHWC order; got [1,2]",
               place({1, 2}, kOnes, Padding::kSame, {}));
  expect_error(invalid, "strides for rows and columns must be at least 1 and below 2^31; got [1,0,1,1] NHWC",
               place({1, 0, 1, 1}, kOnes, Padding::kSame, {}));
  expect_error(invalid, "strides for batch and depth must be 1; got [2,1,1,1] NHWC",
               place({2, 1, 1, 1}, kOnes, Padding::kSame, {}));
  expect_error(invalid, "dilations must be 4 integers in NHWC order; got [1,1,1,1,1]",
               place(kOnes, {1, 1, 1, 1, 1}, Padding::kSame, {}));
  expect_error(invalid, "dilations for rows and columns must be at least 1 and below 2^31; got [1,1,-2,1]",
               place(kOnes, {1, 1, -2, 1}, Padding::kSame, {}));
  expect_error(invalid, "dilations for batch and depth must be 1; got [1,1,1,3]",
               place(kOnes, {1, 1, 1, 3}, Padding::kSame, {}));
  expect_error(invalid, "padding EXPLICIT needs 8 explicit_paddings", place(kOnes, kOnes, Padding::kExplicit, {}));
  expect_error(invalid, "got [0,0,-1,0,0,0,0,0]", place(kOnes, kOnes, Padding::kExplicit, {0, 0, -1, 0, 0, 0, 0, 0}));
  expect_error(invalid, "explicit_paddings for batch and depth must be 0; got [0,1,0,0,0,0,0,0]",
               place(kOnes, kOnes, Padding::kExplicit, {0, 1, 0, 0, 0, 0, 0, 0}));
  expect_error(invalid, "explicit_paddings go with padding EXPLICIT only; got [0,0,1,1,1,1,0,0] with padding SAME",
               place(kOnes, kOnes, Padding::kSame, {0, 0, 1, 1, 1, 1, 0, 0}));
}

}  // namespace
}  // namespace gradus
