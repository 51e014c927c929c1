// Batching, shuffling, resuming and prefetching.
#include "gradus/io/data/batches.h"

#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <thread>

#include "gradus/io/data/dataset.h"
#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

using io_test::expect_error;

static_assert(std::input_iterator<BatchRange::Iterator>);

// n images of 1x2 pixels: image i is {i, i + 0.5}, its label i.
ImageSet numbered(std::int64_t n) {
  ImageSet set;
  set.images = Tensor(DType::kFloat32, {n, 1, 2, 1});
  set.labels = Tensor(DType::kInt32, {n});
  for (std::int64_t i = 0; i < n; ++i) {
    set.images.set(2 * i, static_cast<double>(i));
    set.images.set(2 * i + 1, static_cast<double>(i) + 0.5);
    set.labels.set(i, static_cast<double>(i));
  }
  set.num_classes = static_cast<int>(n);
  return set;
}

std::vector<int> labels_of(const BatchRange& range) {
  std::vector<int> labels;
  for (const Batch& batch : range) {
    for (std::int32_t label : batch.labels.flat<std::int32_t>()) labels.push_back(label);
  }
  return labels;
}

TEST(BatchesTest, CoverTheSetInOrderWithAShortLastBatch) {
  const ImageSet set = numbered(10);
  EXPECT_EQ(set.batches(4), 3);
  EXPECT_EQ(set.batches(5), 2);
  EXPECT_EQ(set.batches(100), 1);
  std::vector<std::int64_t> sizes;
  std::int64_t next = 0;
  for (const Batch& batch : set.batched(4)) {
    EXPECT_EQ(batch.index, static_cast<std::int64_t>(sizes.size()));
    EXPECT_EQ(batch.images.shape(), (Shape{batch.size(), 1, 2, 1}));
    for (std::int64_t i = 0; i < batch.size(); ++i, ++next) {
      EXPECT_EQ(batch.labels.at(i), static_cast<double>(next));
      EXPECT_EQ(batch.images.at(2 * i + 1), static_cast<double>(next) + 0.5);
    }
    sizes.push_back(batch.size());
  }
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{4, 4, 2}));
  EXPECT_EQ(set.batched(4).size(), 3);
}

TEST(BatchesTest, BytesBecomeNumbersBetweenZeroAndOne) {
  ImageSet set;
  set.images = Tensor::from<std::uint8_t>({1, 1, 3, 1}, {0, 51, 255});
  set.labels = Tensor::from<std::int32_t>({1}, {0});
  const Batch batch = *set.batched(1).begin();
  EXPECT_TRUE(bit_equal(batch.images, Tensor::from<float>({1, 1, 3, 1}, {0.0F, 51.0F / 255.0F, 1.0F})));
}

TEST(BatchesTest, AShuffleIsAPermutationDecidedByItsSeed) {
  const ImageSet set = numbered(1000);
  const std::vector<int> first = labels_of(set.shuffled(1).batched(64));
  EXPECT_EQ(first, labels_of(set.shuffled(1).batched(7))) << "the batch size does not matter";
  EXPECT_NE(first, labels_of(set.shuffled(2).batched(64)));
  std::set<int> distinct(first.begin(), first.end());
  EXPECT_EQ(distinct.size(), 1000U);
  EXPECT_EQ(*distinct.begin(), 0);
  EXPECT_EQ(*distinct.rbegin(), 999);
  // Of a random permutation of 1000, about 1 stays in its place; 10 or more happens once in a million.
  int fixed = 0;
  for (int i = 0; i < 1000; ++i) fixed += first[static_cast<std::size_t>(i)] == i ? 1 : 0;
  EXPECT_LT(fixed, 10);
  for (const Batch& batch : set.shuffled(3).batched(10)) {
    EXPECT_EQ(batch.images.at(0), batch.labels.at(0)) << "images and labels stay together";
  }
}

TEST(BatchesTest, EachPlaceOfAShuffleIsEquallyLikely) {
  // Where image 0 of 4 goes over 4000 seeds: 1000 times each, standard deviation 27.
  const ImageSet set = numbered(4);
  int counts[4] = {};
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    const std::vector<int> order = labels_of(set.shuffled(seed).batched(4));
    for (std::size_t i = 0; i < 4; ++i) counts[i] += order[i] == 0 ? 1 : 0;
  }
  for (int count : counts) EXPECT_NEAR(count, 1000, 140);
}

TEST(BatchesTest, SkippingResumesExactlyThere) {
  const ImageSet set = numbered(100);
  const BatchRange whole = set.shuffled(5).augmented({.shift = 0, .flip = true, .seed = 9}).batched(8);
  std::vector<Batch> all;
  for (const Batch& batch : whole) all.push_back(batch);
  ASSERT_EQ(all.size(), 13U);
  for (const BatchRange& range : {whole.skip(6), whole.skip(2).skip(4), whole.prefetched(3).skip(6)}) {
    EXPECT_EQ(range.size(), 7);
    std::size_t next = 6;
    for (const Batch& batch : range) {
      EXPECT_EQ(batch.index, static_cast<std::int64_t>(next));
      EXPECT_TRUE(bit_equal(batch.images, all[next].images));
      EXPECT_TRUE(bit_equal(batch.labels, all[next].labels));
      ++next;
    }
    EXPECT_EQ(next, 13U);
  }
  EXPECT_EQ(whole.skip(13).size(), 0);
  EXPECT_EQ(whole.skip(1000).size(), 0);
  EXPECT_EQ(whole.skip(1000).begin(), whole.end());
}

TEST(BatchesTest, BatchesKeepTheirValuesWhenKept) {
  std::vector<Batch> kept;
  for (const Batch& batch : numbered(6).batched(2)) kept.push_back(batch);
  EXPECT_EQ(kept[0].labels.at(0), 0.0);
  EXPECT_EQ(kept[2].labels.at(1), 5.0);
}

TEST(BatchesTest, EmptySetsHaveNoBatches) {
  EXPECT_EQ(numbered(0).batches(5), 0);
  EXPECT_TRUE(labels_of(numbered(0).shuffled(1).batched(5)).empty());
  EXPECT_TRUE(labels_of(numbered(0).batched(5).prefetched()).empty());
}

TEST(BatchesTest, TheFirstNImagesAreASetOfTheirOwn) {
  const ImageSet set = numbered(10);
  EXPECT_EQ(labels_of(set.first(3).batched(2)), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(set.first(100).size(), 10);
  expect_error(Code::kInvalidArgument, {"-1"}, [&] { set.first(-1); });
}

TEST(BatchesTest, RefusesBadArguments) {
  const ImageSet set = numbered(3);
  expect_error(Code::kInvalidArgument, {"batch size", "0"}, [&] { set.batched(0); });
  expect_error(Code::kInvalidArgument, {"batch size", "-2"}, [&] { set.batches(-2); });
  expect_error(Code::kInvalidArgument, {"skip -1"}, [&] { set.batched(1).skip(-1); });
  expect_error(Code::kInvalidArgument, {"depth"}, [&] { set.batched(1).prefetched(0); });
  ImageSet wrong = set;
  wrong.labels = Tensor::zeros(DType::kInt32, {2});
  expect_error(Code::kInvalidArgument, {"float32 [3,1,2,1]", "int32 [2]"}, [&] { wrong.batched(1); });
  wrong.labels = Tensor::zeros(DType::kInt64, {3});
  expect_error(Code::kInvalidArgument, {"int64 [3]"}, [&] { wrong.shuffled(1); });
  expect_error(Code::kInvalidArgument, {"nothing"}, [&] { ImageSet().batched(1); });
}

TEST(PrefetchTest, GivesTheSameBatchesAsWithout) {
  const ImageSet set = numbered(50);
  for (int depth : {1, 2, 100}) {
    EXPECT_EQ(labels_of(set.shuffled(4).batched(3).prefetched(depth)), labels_of(set.shuffled(4).batched(3))) << depth;
  }
}

TEST(PrefetchTest, ReadsAheadAsFarAsAllowedAndNoFurther) {
  std::atomic<int> made{0};
  const BatchRange range = numbered(100).batched(1).mapped([&made](Batch&) { ++made; }).prefetched(3);
  auto it = range.begin();
  // One in hand, three waiting, and one that the thread holds until there is room.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (made < 5 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(made, 5);
  EXPECT_EQ(it->index, 0);
}

TEST(PrefetchTest, MayBeLeftAtAnyTime) {
  const ImageSet set = numbered(100);
  for (int stop = 0; stop < 20; ++stop) {
    int seen = 0;
    for (const Batch& batch : set.batched(1).prefetched(1 + stop % 4)) {
      if (seen++ == stop) break;
      EXPECT_EQ(batch.size(), 1);
    }
  }
  auto never_advanced = set.batched(1).prefetched(4).begin();
}

TEST(PrefetchTest, AnExceptionSurfacesAfterTheBatchesBeforeIt) {
  for (bool background : {false, true}) {
    BatchRange range = numbered(10).batched(1).mapped([](Batch& batch) {
      if (batch.index == 3) throw std::runtime_error("bad batch");
    });
    if (background) range = range.prefetched(2);
    int seen = 0;
    try {
      for (const Batch& batch : range) seen += batch.size() == 1 ? 1 : 0;
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "bad batch");
    }
    EXPECT_EQ(seen, 3);
  }
}

TEST(PrefetchTest, AnExceptionThatNobodyWaitsForIsDropped) {
  const BatchRange range = numbered(10).batched(1).prefetched(4).mapped([](Batch& batch) {
    if (batch.index == 2) throw std::runtime_error("never seen");
  });
  EXPECT_EQ(range.begin()->index, 0);
}

TEST(PrefetchTest, SeveralPassesAtOnce) {
  const BatchRange range = numbered(200).shuffled(1).batched(7).prefetched(2);
  const std::vector<int> expected = labels_of(range);
  std::vector<std::vector<int>> results(3);
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = labels_of(range); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

TEST(MappedTest, TransformsRunInTheOrderGivenAndMayReplaceTensors) {
  const BatchRange range =
      numbered(2).batched(2).mapped([](Batch& batch) { batch.images.fill(2.0); }).mapped([](Batch& batch) {
        batch.images = batch.images.cast(DType::kFloat64);
      });
  EXPECT_TRUE(bit_equal(range.begin()->images, Tensor::full(DType::kFloat64, {2, 1, 2, 1}, 2.0)));
}

}  // namespace
}  // namespace gradus::io
