// Sets in the device's memory: the batches that are fed, chosen by integers; and what is refused.
#include "gradus/io/data/resident_images.h"

#include <gradus/gradus.h>

#include <set>

#include "tests/io/io_test_support.h"
#include "tests/support/resident_batches.h"

namespace gradus::io {
namespace {

using io_test::expect_error;
using testing::small_image_set;

TEST(ResidentImagesTest, AreTheBatchesThatAreFed) {
  testing::expect_the_batches_that_are_fed("cpu:0");
  testing::expect_the_batches_that_are_fed("ref:0");
}

TEST(ResidentImagesTest, ChoicesCoverTheSetAndSkipAsBatchesDo) {
  const ImageView view = small_image_set(DType::kUInt8, 1);
  const BatchRange batches = view.shuffled(3).augmented({.shift = 2, .flip = true}).batched(4);
  std::vector<BatchChoices> all;
  std::set<int> images;
  for (const BatchChoices& batch : batches.choices()) {
    for (std::int64_t i = 0; i < batch.size(); ++i) {
      images.insert(static_cast<int>(batch.values.at({i, 0})));
      EXPECT_LE(std::abs(batch.values.at({i, 1})), 2.0);
      EXPECT_LE(std::abs(batch.values.at({i, 2})), 2.0);
    }
    all.push_back(batch);
  }
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(batches.choices().size(), 3);
  EXPECT_EQ(images.size(), 10U);
  EXPECT_EQ(all[2].values.shape(), (Shape{2, 4}));
  std::size_t next = 1;
  for (const BatchChoices& batch : batches.skip(1).choices()) {
    EXPECT_EQ(batch.index, static_cast<std::int64_t>(next));
    EXPECT_TRUE(bit_equal(batch.values, all[next++].values));
  }
  EXPECT_EQ(next, 3U);
  EXPECT_EQ(batches.skip(3).choices().begin(), batches.choices().end());
}

// In order and unchanged, where nothing else is asked for.
TEST(ResidentImagesTest, PlainChoicesAreIndices) {
  const BatchChoices batch = *small_image_set(DType::kUInt8, 1).batched(2).skip(2).choices().begin();
  EXPECT_TRUE(bit_equal(batch.values, Tensor::from<std::int32_t>({2, 4}, {4, 0, 0, 0, 5, 0, 0, 0})));
}

// By the definition of an ImageChoice, for every choice that 5x7 pixels allow.
TEST(ResidentImagesTest, TheAugmenterWritesWhatWasChosen) {
  const Tensor images = small_image_set(DType::kFloat32, 2).images();
  for (const Fill fill : {Fill::kZero, Fill::kReflect}) {
    const Augmenter augmenter(images, {.fill = fill});
    for (std::int64_t top = -4; top <= 4; ++top) {
      for (std::int64_t left = -6; left <= 6; ++left) {
        for (const bool mirrored : {false, true}) {
          std::vector<float> written(5 * 7 * 2);
          augmenter.write({.index = 3, .top = top, .left = left, .mirrored = mirrored}, written.data());
          std::size_t element = 0;
          for (std::int64_t y = 0; y < 5; ++y) {
            for (std::int64_t x = 0; x < 7; ++x) {
              std::int64_t from_y = y + top, from_x = (mirrored ? 6 - x : x) + left;
              if (fill == Fill::kReflect) {
                from_y = from_y < 0 ? -from_y : from_y > 4 ? 8 - from_y : from_y;
                from_x = from_x < 0 ? -from_x : from_x > 6 ? 12 - from_x : from_x;
              }
              const bool inside = from_y >= 0 && from_y < 5 && from_x >= 0 && from_x < 7;
              for (std::int64_t c = 0; c < 2; ++c) {
                ASSERT_EQ(static_cast<double>(written[element++]), inside ? images.at({3, from_y, from_x, c}) : 0.0);
              }
            }
          }
        }
      }
    }
  }
}

TEST(ResidentImagesTest, TheGraphSharesTheSetsMemory) {
  const ImageView view = small_image_set(DType::kUInt8, 3);
  Graph graph;
  resident_images(graph, view, "train");
  const Output set = graph.find_output("train/set");
  EXPECT_TRUE(set.node().attrs_as<ConstantAttrs>().value.shares_memory_with(view.images()));
}

TEST(ResidentImagesTest, RefusesWhatCannotBe) {
  Graph graph;
  const ImageView none(Tensor(DType::kUInt8, {0, 5, 7, 1}), Tensor(DType::kInt32, {0}));
  expect_error(Code::kInvalidArgument, {"[io::resident_images 'train' at resident_images_test.cc:", "has no images"},
               [&] { resident_images(graph, none, "train"); });
  EXPECT_EQ(graph.num_nodes(), 0);
  expect_error(Code::kInvalidArgument, {"got float64 [2,5,7,1]"}, [&] {
    resident_images(graph, ImageView(Tensor::zeros(DType::kFloat64, {2, 5, 7, 1}), Tensor::zeros(DType::kInt32, {2})));
  });
  const ImageView view = small_image_set(DType::kUInt8, 1);
  expect_error(Code::kInvalidArgument, {"shift 5"}, [&] { resident_images(graph, view.augmented({.shift = 5})); });
  expect_error(Code::kInvalidArgument, {"mapped()"}, [&] { view.batched(1).mapped([](Batch&) {}).choices(); });

  const ResidentImages resident = resident_images(graph, view, "train");
  Session session(graph, {.device = "cpu:0"});
  const auto run = [&](const Tensor& choices) { session.run({{resident.choices, choices}}, {resident.images}); };
  expect_error(Code::kOutOfRange,
               {"[GatherImages 'train/images' at resident_images_test.cc:",
                "choices[0,0] (image) is 10, outside [0, 10): images [10,5,7,1] NHWC"},
               [&] {
                 run(Tensor::from<std::int32_t>({1, 4}, {10, 0, 0, 0}));
               });
  expect_error(Code::kOutOfRange, {"choices[0,1] (top) is -5, outside [-4, 5)"}, [&] {
    run(Tensor::from<std::int32_t>({1, 4}, {0, -5, 0, 0}));
  });
  expect_error(Code::kInvalidArgument, {"choices", "[?,4]", "[3,1]"}, [&] {
    run(Tensor::zeros(DType::kInt32, {3, 1}));
  });
}

}  // namespace
}  // namespace gradus::io
