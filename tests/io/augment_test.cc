// Augmentation against plain loops over all moves that are allowed.
#include "gradus/io/data/augment.h"

#include <cmath>
#include <set>

#include "gradus/io/data/batches.h"
#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

using io_test::expect_error;

constexpr int kHeight = 4;
constexpr int kWidth = 5;

// Every pixel of every channel different, none zero.
Tensor distinct_images(std::int64_t count, std::int64_t channels, DType dtype) {
  Tensor images(dtype, {count, kHeight, kWidth, channels});
  const std::int64_t per_image = kHeight * kWidth * channels;
  for (std::int64_t i = 0; i < images.num_elements(); ++i) images.set(i, static_cast<double>(1 + i % per_image));
  return images;
}

Tensor augmented(const Tensor& images, const Augmentation& augmentation, std::uint64_t shuffle = 0) {
  const ImageView view(images, Tensor::zeros(DType::kInt32, {images.shape()[0]}));
  // A shuffle gives a stream of its own; sorting is not needed as all images are alike.
  const ImageView shuffled = shuffle == 0 ? view : view.shuffled(shuffle);
  return shuffled.augmented(augmentation).batched(images.shape()[0]).begin()->images;
}

int mirrored_back(int position, int size) {
  while (position < 0 || position >= size) position = position < 0 ? -position : 2 * (size - 1) - position;
  return position;
}

// The image moved by (dy, dx), perhaps mirrored, by the definition.
std::vector<double> moved(const Tensor& images, int channels, int dy, int dx, bool flip, Fill fill) {
  std::vector<double> result;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      int sy = y + dy;
      int sx = (flip ? kWidth - 1 - x : x) + dx;
      if (fill == Fill::kReflect) {
        sy = mirrored_back(sy, kHeight);
        sx = mirrored_back(sx, kWidth);
      }
      for (int c = 0; c < channels; ++c) {
        const bool inside = sy >= 0 && sy < kHeight && sx >= 0 && sx < kWidth;
        result.push_back(inside ? images.at((sy * kWidth + sx) * channels + c) : 0.0);
      }
    }
  }
  return result;
}

TEST(AugmentTest, EachImageIsOneOfTheAllowedMovesAndAllOfThemHappen) {
  struct Case {
    Augmentation augmentation;
    int reach;
  };
  const std::vector<Case> cases = {{{.shift = 2}, 2},
                                   {{.crop_padding = 1}, 1},
                                   {{.flip = true}, 0},
                                   {{.shift = 1, .crop_padding = 1, .flip = true}, 2},
                                   {{.shift = 3, .flip = true, .fill = Fill::kReflect}, 3}};
  for (const Case& c : cases) {
    for (int channels : {1, 3}) {
      const Tensor images = distinct_images(3000, channels, DType::kFloat32);
      std::set<std::vector<double>> allowed;
      for (int dy = -c.reach; dy <= c.reach; ++dy) {
        for (int dx = -c.reach; dx <= c.reach; ++dx) {
          allowed.insert(moved(images, channels, dy, dx, false, c.augmentation.fill));
          if (c.augmentation.flip) allowed.insert(moved(images, channels, dy, dx, true, c.augmentation.fill));
        }
      }
      const Tensor result = augmented(images, c.augmentation);
      std::set<std::vector<double>> seen;
      const std::int64_t per_image = kHeight * kWidth * channels;
      for (std::int64_t i = 0; i < 3000; ++i) {
        const float* pixels = result.data<float>() + i * per_image;
        seen.insert(std::vector<double>(pixels, pixels + per_image));
      }
      EXPECT_EQ(seen, allowed) << "reach " << c.reach << ", channels " << channels;
    }
  }
}

TEST(AugmentTest, HalfOfTheImagesAreMirrored) {
  const Tensor images = distinct_images(4000, 1, DType::kFloat32);
  const Tensor result = augmented(images, {.flip = true});
  int mirrored = 0;
  for (std::int64_t i = 0; i < 4000; ++i) mirrored += result.at(i * kHeight * kWidth) == kWidth ? 1 : 0;
  EXPECT_NEAR(mirrored, 2000, 160) << "five standard deviations";
}

TEST(AugmentTest, SeedsAndShufflesDecideEverything) {
  const Tensor images = distinct_images(50, 1, DType::kUInt8);
  const Augmentation augmentation = {.shift = 2, .flip = true, .seed = 3};
  EXPECT_TRUE(bit_equal(augmented(images, augmentation), augmented(images, augmentation)));
  EXPECT_FALSE(bit_equal(augmented(images, augmentation), augmented(images, {.shift = 2, .flip = true, .seed = 4})));
  EXPECT_TRUE(bit_equal(augmented(images, augmentation, 1), augmented(images, augmentation, 1)));
  EXPECT_FALSE(bit_equal(augmented(images, augmentation, 1), augmented(images, augmentation, 2)));
}

TEST(AugmentTest, NormalisesPerChannelOrForAll) {
  const Tensor images = Tensor::from<std::uint8_t>({1, 1, 2, 2}, {0, 255, 51, 102});
  const auto expect_values = [](const Tensor& result, const std::vector<double>& expected) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(result.at(static_cast<std::int64_t>(i)), expected[i], 1e-6) << i;
    }
  };
  // Values 0, 1, 0.2, 0.4; channel 0 has mean 0.5 and stddev 0.1, channel 1 mean 0 and stddev 2.
  const Augmentation per_channel = {.mean = {0.5F, 0.0F}, .stddev = {0.1F, 2.0F}};
  expect_values(augmented(images, per_channel), {-5.0, 0.5, -3.0, 0.2});
  expect_values(augmented(images, {.mean = {0.2F}, .stddev = {0.4F}}), {-0.5, 2.0, 0.0, 0.5});
  Tensor floats(DType::kFloat32, images.shape());
  for (int i = 0; i < 4; ++i) floats.data<float>()[i] = static_cast<float>(images.at(i)) / 255.0F;
  EXPECT_TRUE(bit_equal(augmented(floats, per_channel), augmented(images, per_channel)));
}

TEST(AugmentTest, ChannelStatisticsMakeMeanZeroAndDeviationOne) {
  // Channel 0: 0, 0.2, 0.4, 1 (mean 0.4, variance 0.14); channel 1 constant.
  const Tensor images = Tensor::from<std::uint8_t>({2, 1, 2, 2}, {0, 7, 51, 7, 102, 7, 255, 7});
  const ChannelStatistics statistics = channel_statistics(images);
  ASSERT_EQ(statistics.mean.size(), 2U);
  EXPECT_NEAR(statistics.mean[0], 0.4, 1e-6);
  EXPECT_NEAR(statistics.stddev[0], std::sqrt(0.14), 1e-6);
  EXPECT_NEAR(statistics.mean[1], 7.0 / 255.0, 1e-6);
  EXPECT_EQ(statistics.stddev[1], 1.0F);
  expect_error(Code::kInvalidArgument, {"[N,H,W,C]"}, [] { channel_statistics(Tensor::scalar(1.0F)); });
}

TEST(AugmentTest, RefusesOptionsThatDoNotFit) {
  const Tensor images = distinct_images(1, 3, DType::kUInt8);
  const auto refuse = [&](const Augmentation& augmentation, const std::vector<std::string>& parts) {
    expect_error(Code::kInvalidArgument, parts, [&] { augmented(images, augmentation); });
  };
  refuse({.shift = -1}, {"shift -1"});
  refuse({.crop_padding = -1}, {"crop_padding -1"});
  refuse({.shift = 2, .crop_padding = 2}, {"[1,4,5,3]"});
  refuse({.mean = {0.5F}}, {"got 1 and 0"});
  refuse({.mean = {0, 0}, .stddev = {1, 1}}, {"got 2 and 2"});
  refuse({.mean = {0}, .stddev = {0}}, {"above 0"});
  refuse({.mean = {0}, .stddev = {std::nanf("")}}, {"above 0"});
}

}  // namespace
}  // namespace gradus::io
