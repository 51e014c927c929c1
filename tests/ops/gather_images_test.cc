#include "gradus/ops/gather_images.h"

#include <gtest/gtest.h>

#include "gradus/autodiff/gradients.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"

namespace gradus {
namespace {

using Values = std::vector<double>;
using Choices = std::vector<std::int32_t>;

class GatherImages : public ::testing::Test {
 protected:
  Output choices(const Choices& rows) {
    return constant(graph, Tensor::from({static_cast<std::int64_t>(rows.size()) / 4, 4}, rows));
  }
  std::vector<double> gathered(const Choices& rows, bool reflect = false) {
    return elements(run_both(gather_images(images, choices(rows), mean, stddev, {.reflect = reflect})));
  }
  Graph graph;
  // Two images of 2x3 pixels: 1 2 3 / 4 5 6 and ten times that.
  const Output images = constant(graph, Tensor::from<float>({2, 2, 3, 1}, {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60}));
  const Output mean = constant(graph, {0.0F}), stddev = constant(graph, {1.0F});
};

TEST_F(GatherImages, AreCutOutByHand) {
  EXPECT_EQ(gathered({1, 0, 0, 0}), (Values{10, 20, 30, 40, 50, 60}));
  EXPECT_EQ(gathered({0, 1, 0, 0}), (Values{4, 5, 6, 0, 0, 0})) << "the second row becomes the first";
  EXPECT_EQ(gathered({0, -1, 2, 0}), (Values{0, 0, 0, 3, 0, 0}));
  EXPECT_EQ(gathered({0, 0, 0, 1}), (Values{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(gathered({0, 0, 1, 1}), (Values{0, 3, 2, 0, 6, 5})) << "cut out first, then mirrored";
  EXPECT_EQ(gathered({0, 1, -1, 0}, true), (Values{5, 4, 5, 2, 1, 2})) << "neither border is repeated";
  EXPECT_EQ(gathered({1, 0, 2, 0, 0, 0, 0, 0}), (Values{30, 0, 0, 60, 0, 0, 1, 2, 3, 4, 5, 6}));
}

TEST_F(GatherImages, BytesAreNormalisedPerChannelAndSoIsWhatLiesBeyond) {
  const Output bytes = constant(graph, Tensor::from<std::uint8_t>({1, 1, 2, 2}, {0, 255, 51, 102}));
  const Output y =
      gather_images(bytes, choices({0, 0, 1, 0}), constant(graph, {0.5F, 0.0F}), constant(graph, {0.25F, 0.5F}));
  const Tensor value = run_both(y);
  // 51 and 102 are 0.2 and 0.4; then zeros: (0.2 - 0.5) / 0.25, 0.4 / 0.5, -0.5 / 0.25, 0.
  const double expected[] = {-1.2, 0.8, -2.0, 0.0};
  for (std::int64_t i = 0; i < 4; ++i) EXPECT_NEAR(value.at(i), expected[i], 1e-6) << i;
}

TEST_F(GatherImages, AChoiceThatTheImagesDoNotAllowIsNamed) {
  const Output chosen = placeholder(graph, DType::kInt32, {-1, 4});
  const Output y = gather_images(images, chosen, mean, stddev, {}, "batch");
  struct Bad {
    Choices rows;
    const char* text;
  };
  const std::vector<Bad> all = {
      {{0, 0, 0, 0, 2, 0, 0, 0}, "choices[1,0] (image) is 2, outside [0, 2): images [2,2,3,1] NHWC"},
      {{-1, 0, 0, 0}, "choices[0,0] (image) is -1, outside [0, 2)"},
      {{0, 2, 0, 0}, "choices[0,1] (top) is 2, outside [-1, 2)"},
      {{0, 0, -3, 0}, "choices[0,2] (left) is -3, outside [-2, 3)"},
      {{0, 0, INT32_MIN, 0}, "choices[0,2] (left) is -2147483648, outside [-2, 3)"},
      {{0, 0, 0, 2}, "choices[0,3] (mirrored) is 2, outside [0, 2)"}};
  for (const char* device : {"cpu:0", "ref:0"}) {
    Session session(graph, {.device = device});
    for (const Bad& bad : all) {
      const Tensor rows = Tensor::from({static_cast<std::int64_t>(bad.rows.size()) / 4, 4}, bad.rows);
      expect_error(Code::kOutOfRange, bad.text, [&] { session.run({{chosen, rows}}, y); });
      expect_error(Code::kOutOfRange, "[GatherImages 'batch' at gather_images_test.cc:", [&] {
        session.run({{chosen, rows}}, y);
      });
    }
  }
}

TEST_F(GatherImages, HasNoGradient) {
  const Output y = gather_images(images, choices({0, 0, 0, 0}), mean, stddev);
  EXPECT_FALSE(gradients({y}, {images}).at(0).valid());
}

TEST_F(GatherImages, RefusesOperandsThatDoNotFit) {
  const Output still = choices({0, 0, 0, 0});
  const auto refuse = [](const char* part, FunctionRef<void()> call) {
    expect_error(Code::kInvalidArgument, part, call);
  };
  const auto input = [&](DType dtype, const Shape& shape) { return placeholder(graph, dtype, shape); };
  refuse("images must have rank 4", [&] { gather_images(input(DType::kFloat32, {2, 2, 3}), still, mean, stddev); });
  refuse("images must be uint8 or float32; got float64 [2,2,3,1]", [&] {
    gather_images(input(DType::kFloat64, {2, 2, 3, 1}), still, mean, stddev);
  });
  refuse("choices must be int32 [n,4] (image, top, left, mirrored); got int32 [5]",
         [&] { gather_images(images, input(DType::kInt32, {5}), mean, stddev); });
  refuse("got int64 [5,4]", [&] { gather_images(images, input(DType::kInt64, {5, 4}), mean, stddev); });
  refuse("mean must be float32, one value per channel; got float32 [3] for images [2,2,3,1] NHWC", [&] {
    gather_images(images, still, constant(graph, {0.0F, 0.0F, 0.0F}), stddev);
  });
  refuse("stddev must be float32, one value per channel; got float64 [1]",
         [&] { gather_images(images, still, mean, constant(graph, {1.0})); });
  refuse("fewer than 2^31 values; got images [1,65536,65536,1] NHWC", [&] {
    gather_images(input(DType::kUInt8, {1, 65536, 65536, 1}), still, mean, stddev);
  });
  EXPECT_EQ(gather_images(input(DType::kUInt8, {-1, 8, 8, 1}), input(DType::kInt32, {-1, 4}), mean, stddev).shape(),
            (Shape{-1, 8, 8, 1}));
}

}  // namespace
}  // namespace gradus
