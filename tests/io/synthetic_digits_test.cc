#include "gradus/io/data/dataset.h"
#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

TEST(SyntheticDigitsTest, AreADataSetLikeMnist) {
  const ImageDataset data = synthetic_digits({.seed = 1, .train = 2000, .test = 300});
  EXPECT_EQ(data.train.images.shape(), (Shape{2000, 28, 28, 1}));
  EXPECT_EQ(data.test.labels.shape(), (Shape{300}));
  EXPECT_EQ(data.train.num_classes, 10);
  EXPECT_EQ(data.train.class_names.size(), 10U);
  int counts[10] = {};
  for (std::int32_t label : data.train.labels.flat<std::int32_t>()) {
    ASSERT_GE(label, 0);
    ASSERT_LT(label, 10);
    ++counts[label];
  }
  for (int count : counts) EXPECT_NEAR(count, 200, 67) << "five standard deviations";
}

TEST(SyntheticDigitsTest, TheSeedDecidesAndTheCountDoesNot) {
  const ImageDataset a = synthetic_digits({.seed = 1, .train = 50, .test = 20});
  const ImageDataset b = synthetic_digits({.seed = 1, .train = 80, .test = 10});
  EXPECT_TRUE(bit_equal(a.train.images, b.train.images.rows(0, 50)));
  EXPECT_TRUE(bit_equal(a.train.labels, b.train.labels.rows(0, 50)));
  EXPECT_TRUE(bit_equal(a.test.images.rows(0, 10), b.test.images));
  EXPECT_FALSE(bit_equal(a.train.images, synthetic_digits({.seed = 2, .train = 50, .test = 0}).train.images));
  EXPECT_FALSE(bit_equal(a.train.images.rows(0, 20), a.test.images)) << "the test images must be unseen";
}

TEST(SyntheticDigitsTest, EveryImageHasInkWellInsideAndADarkBorder) {
  const ImageDataset data = synthetic_digits({.seed = 3, .train = 1000, .test = 0});
  for (std::int64_t i = 0; i < 1000; ++i) {
    const std::uint8_t* pixels = data.train.images.data<std::uint8_t>() + i * 784;
    int bright = 0;
    int bright_border = 0;
    for (int y = 0; y < 28; ++y) {
      for (int x = 0; x < 28; ++x) {
        if (pixels[y * 28 + x] < 120) continue;
        ++bright;
        if (y == 0 || y == 27 || x == 0 || x == 27) ++bright_border;
      }
    }
    EXPECT_GT(bright, 12) << i;
    EXPECT_LT(bright, 330) << i;
    EXPECT_LT(bright_border, 6) << i;
  }
}

TEST(SyntheticDigitsTest, TheNearestOfATrainingSetTellsMostUnseenDigits) {
  // A method without parameters: the label of the nearest training image. Guessing gives 0.1.
  const ImageDataset data = synthetic_digits({.seed = 1, .train = 1500, .test = 150});
  const std::uint8_t* train = data.train.images.data<std::uint8_t>();
  const std::uint8_t* test = data.test.images.data<std::uint8_t>();
  int right = 0;
  for (std::int64_t i = 0; i < 150; ++i) {
    std::int64_t nearest = 0;
    std::int64_t smallest = INT64_MAX;
    for (std::int64_t j = 0; j < 1500; ++j) {
      std::int64_t distance = 0;
      for (std::int64_t p = 0; p < 784; ++p) {
        const int difference = int{test[i * 784 + p]} - int{train[j * 784 + p]};
        distance += difference * difference;
      }
      if (distance < smallest) {
        smallest = distance;
        nearest = j;
      }
    }
    right += data.train.labels.at(nearest) == data.test.labels.at(i) ? 1 : 0;
  }
  EXPECT_GT(right, 105) << "of 150";
  EXPECT_LT(right, 150) << "digits that are all alike would teach nothing";
}

TEST(SyntheticDigitsTest, RefusesNegativeCounts) {
  io_test::expect_error(Code::kInvalidArgument, {"train -1"}, [] { synthetic_digits({.train = -1}); });
  EXPECT_EQ(synthetic_digits({.train = 0, .test = 0}).train.size(), 0);
}

}  // namespace
}  // namespace gradus::io
