// Sets of images in a GPU's memory, on the emulator: the batches that are fed and the losses of training by them, one copy for all plans,
// and what is said where it does not fit.
#include <gradus/core/device.h>
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include "tests/cuda_emulator/emulator.h"
#include "tests/support/expect_error.h"
#include "tests/support/resident_batches.h"

namespace gradus {
namespace {

class CudaResidentImages : public ::testing::Test {
 protected:
  void SetUp() override { cuda_emulator::reset(); }
};

TEST_F(CudaResidentImages, AreTheBatchesThatAreFed) {
#ifdef GRADUS_EMULATOR_TSAN
  GTEST_SKIP() << "the kernel runs under ThreadSanitizer in CudaCases";
#endif
  testing::expect_the_batches_that_are_fed("cuda:0");
  EXPECT_EQ(cuda_emulator::failure(), "");
}

// Steps that are recorded from the third on, and a test of all images after each pass.
TEST_F(CudaResidentImages, TrainToTheSameBits) {
#ifdef GRADUS_EMULATOR_TSAN
  GTEST_SKIP() << "each of the kernels runs under ThreadSanitizer in CudaCases";
#endif
  const io::ImageView view = testing::small_image_set(DType::kUInt8, 2)
                                 .augmented({.shift = 1, .flip = true, .mean = {0.4F}, .stddev = {0.3F}});
  std::vector<Tensor> values[2];
  for (const bool resident : {false, true}) {
    Graph graph;
    io::ResidentImages set;
    if (resident) {
      set = io::resident_images(graph, view, "train");
    } else {
      set.images = placeholder(graph, DType::kFloat32, {-1, 5, 7, 2}, "images");
      set.labels = placeholder(graph, DType::kInt32, {-1}, "labels");
    }
    const Output loss = nn::sparse_softmax_loss(set.labels, nn::dense(nn::flatten(set.images), {.units = 10}));
    const Operation train = nn::momentum({.learning_rate = 0.1, .momentum = 0.9}).minimize(loss);
    Session session(graph, {.device = "cuda:0", .seed = 3});
    for (int epoch = 0; epoch < 5; ++epoch) {
      const io::BatchRange batches = view.shuffled(epoch).batched(5), all = view.batched(10);
      if (resident) {
        for (const io::BatchChoices& batch : batches.choices())
          values[1].push_back(session.run({{set.choices, batch.values}}, loss, {train}));
        values[1].push_back(session.run({{set.choices, all.choices().begin()->values}}, loss));
      } else {
        for (const io::Batch& batch : batches)
          values[0].push_back(session.run({{set.images, batch.images}, {set.labels, batch.labels}}, loss, {train}));
        const io::Batch batch = *all.begin();
        values[0].push_back(session.run({{set.images, batch.images}, {set.labels, batch.labels}}, loss));
      }
    }
  }
  ASSERT_EQ(values[0].size(), values[1].size());
  for (std::size_t i = 0; i < values[0].size(); ++i) {
    EXPECT_TRUE(bit_equal(values[0][i], values[1][i])) << i << " " << values[0][i] << " " << values[1][i];
  }
  EXPECT_GT(cuda_emulator::counts().graph_launches, 0U);
  EXPECT_EQ(cuda_emulator::failure(), "");
}

// A set of 1 MiB, with 256 kB of results.
io::ImageView large_set() {
  return {Tensor::zeros(DType::kUInt8, {1024, 32, 32, 1}), Tensor::zeros(DType::kInt32, {1024})};
}

TEST_F(CudaResidentImages, AllPlansHaveOneCopy) {
  Graph graph;
  const io::ResidentImages set = io::resident_images(graph, large_set(), "train");
  const Output mean = reduce_mean(set.images);
  Session session(graph, {.device = "cuda:0"});
  std::size_t used = 0;
  for (const std::int64_t batch : {1, 2, 3, 4}) {
    session.run({{set.choices, Tensor::zeros(DType::kInt32, {batch, 4})}}, {mean, set.labels});
    if (batch == 1) used = cuda_emulator::counts().live_bytes;
  }
  EXPECT_EQ(session.num_plans(), 4);
  EXPECT_GT(used, std::size_t{1} << 20);
  EXPECT_LT(cuda_emulator::counts().live_bytes, used + (std::size_t{1} << 18));
}

TEST_F(CudaResidentImages, ASetThatDoesNotFitIsNamed) {
  Graph graph;
  const io::ResidentImages set = io::resident_images(graph, large_set(), "train");
  const auto run = [&] {
    Session session(graph, {.device = "cuda:0"});
    session.run({{set.choices, Tensor::zeros(DType::kInt32, {1, 4})}}, {set.images});
  };
  cuda_emulator::reset({.memory = 1000 << 10});
  expect_error(Code::kResourceExhausted, "[Constant 'train/set' at cuda_resident_images_test.cc:", run);
  expect_error(Code::kResourceExhausted, "uint8 [1024,32,32,1] of 1 MiB, does not fit in the memory of cuda:0, 0 MiB",
               run);
  cuda_emulator::reset({.memory = 3 << 19});
  const auto device = backend_registry().create({"cuda", 0}, {});
  const Buffer taken = device->allocate(std::size_t{1} << 20);
  expect_error(Code::kResourceExhausted, "[Constant 'train/set' at cuda_resident_images_test.cc:", run);
  expect_error(Code::kResourceExhausted, "] cuda:0 has no 1 MiB left: 0 of 1 MiB are free", run);
}

TEST_F(CudaResidentImages, AChoiceThatTheSetDoesNotAllowIsNamed) {
  Graph graph;
  const io::ResidentImages set = io::resident_images(graph, testing::small_image_set(DType::kUInt8, 1), "train");
  Session session(graph, {.device = "cuda:0"});
  const auto run = [&](std::vector<std::int32_t> choice) {
    session.run({{set.choices, Tensor::from({1, 4}, std::move(choice))}}, {set.images});
  };
  expect_error(Code::kOutOfRange, "choices[0,0] (image) is 10, outside [0, 10): images [10,5,7,1] NHWC", [&] {
    run({10, 0, 0, 0});
  });
  expect_error(Code::kOutOfRange, "[GatherImages 'train/images' at cuda_resident_images_test.cc:", [&] {
    run({0, 0, 7, 0});
  });
  run({9, 0, 0, 1});
  EXPECT_EQ(cuda_emulator::failure(), "");
}

}  // namespace
}  // namespace gradus
