// Batches of a set in the device's memory against those that are fed: for the tests of every device.
#pragma once

#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gradus::testing {

// 10 images of 5x7 pixels, all values over the whole range.
inline io::ImageView small_image_set(DType dtype, std::int64_t channels) {
  const Tensor values =
      random_uniform_tensor(DType::kFloat32, {10, 5, 7, channels}, 3, 0.0, dtype == DType::kUInt8 ? 256.0 : 1.0);
  Tensor labels(DType::kInt32, {10});
  for (std::int64_t i = 0; i < 10; ++i) labels.set(i, static_cast<double>(3 * i % 10));
  return {values.cast(dtype), labels};
}

inline std::vector<io::Augmentation> augmentations_of(std::int64_t channels) {
  std::vector<float> mean, stddev;
  for (std::int64_t c = 0; c < channels; ++c) {
    mean.push_back(0.5F - 0.07F * static_cast<float>(c));
    stddev.push_back(0.3F - 0.1F * static_cast<float>(c));
  }
  return {{},
          {.mean = mean, .stddev = stddev},
          {.shift = 2, .mean = {0.13F}, .stddev = {0.31F}},
          {.crop_padding = 4, .flip = true, .mean = mean, .stddev = stddev, .seed = 5},
          {.shift = 3, .crop_padding = 1, .flip = true, .fill = io::Fill::kReflect, .mean = mean, .stddev = stddev}};
}

// Two passes in batches of 4, of which the last is short: the bits of what is fed.
inline void expect_the_batches_that_are_fed(const std::string& device) {
  for (const DType dtype : {DType::kUInt8, DType::kFloat32}) {
    for (const std::int64_t channels : {1, 3}) {
      for (const io::Augmentation& augmentation : augmentations_of(channels)) {
        const io::ImageView view = small_image_set(dtype, channels).augmented(augmentation);
        Graph graph;
        const io::ResidentImages resident = io::resident_images(graph, view, "set");
        Session session(graph, {.device = device});
        for (const int epoch : {0, 1}) {
          const io::BatchRange batches = view.shuffled(epoch).batched(4);
          auto fed = batches.begin();
          for (const io::BatchChoices& batch : batches.choices()) {
            ASSERT_NE(fed, batches.end());
            const auto values = session.run({{resident.choices, batch.values}}, {resident.images, resident.labels});
            EXPECT_TRUE(bit_equal(values[0], fed->images))
                << device << " " << dtype_name(dtype) << " " << max_abs_difference(values[0], fed->images);
            EXPECT_TRUE(bit_equal(values[1], fed->labels));
            EXPECT_EQ(batch.index, fed->index);
            EXPECT_EQ(batch.size(), fed->size());
            ++fed;
          }
          EXPECT_EQ(fed, batches.end());
        }
      }
    }
  }
}

}  // namespace gradus::testing
