// Constants in a device's memory: one copy for all plans of a session that need it, as long as one of them is there.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include "gradus/graph/run/plan.h"
#include "tests/support/far_device.h"
#include "tests/support/resident_batches.h"

namespace gradus {
namespace {

TEST(SharedConstants, GoUpOnceForAllPlansOfASession) {
  Graph graph;
  const Output table = constant(graph, random_uniform_tensor(DType::kFloat32, {1000, 3}, 1));
  const Output rows = placeholder(graph, DType::kInt32, {-1}, "rows");
  const Output chosen = gather(table, rows);
  Session session(graph, {.device = "far:0"});
  const auto uploaded_by = [&](const Output& fetch, std::int64_t count) {
    reset_far_copies();
    session.run({{rows, Tensor::zeros(DType::kInt32, {count})}}, fetch);
    return far_copies().uploaded_bytes;
  };
  EXPECT_EQ(uploaded_by(chosen, 2), 12000U + 8U);
  EXPECT_EQ(uploaded_by(chosen, 5), 20U) << "another shape, another plan";
  EXPECT_EQ(uploaded_by(exp(chosen), 2), 8U);
  EXPECT_EQ(session.num_plans(), 3);
  Session another(graph, {.device = "far:0"});
  reset_far_copies();
  another.run({{rows, Tensor::zeros(DType::kInt32, {1})}}, chosen);
  EXPECT_EQ(far_copies().uploaded_bytes, 12000U + 4U) << "sessions share nothing";
}

// No pixel goes up but when the first plan is made.
TEST(SharedConstants, OfAResidentSetEveryStepIsFedFourIntegersPerImage) {
  testing::expect_the_batches_that_are_fed("far:0");
  const io::ImageView view = testing::small_image_set(DType::kUInt8, 3).augmented({.shift = 1});
  Graph graph;
  const io::ResidentImages set = io::resident_images(graph, view);
  Session session(graph, {.device = "far:0"});
  const Operation mean = group(std::vector<Operation>{reduce_mean(set.images), set.labels});
  for (const io::BatchChoices& batch : view.batched(4).choices()) {
    reset_far_copies();
    session.run({{set.choices, batch.values}}, mean);
    const std::size_t feed = 16 * static_cast<std::size_t>(batch.size());
    const std::size_t constants = 10 * (5 * 7 * 3 + 4) + 2 * 12;  // the set, its labels, mean and stddev
    EXPECT_EQ(far_copies().uploaded_bytes, feed + (batch.index == 0 ? constants : 0)) << batch.index;
  }
}

TEST(SharedConstants, EachDeviceHasItsOwn) {
  DeviceSet devices({});
  const Tensor value = random_uniform_tensor(DType::kFloat32, {4}, 1);
  const Tensor first = devices.uploaded(value, devices.get({"far", 0}));
  const Tensor second = devices.uploaded(value, devices.get({"far", 1}));
  EXPECT_NE(first.raw(), second.raw());
  EXPECT_EQ(devices.uploaded(value, devices.get({"far", 0})).raw(), first.raw());
  EXPECT_EQ(devices.uploaded(value.reshaped({2, 2}), devices.get({"far", 0})).shape(), (Shape{2, 2}));
  EXPECT_NE(devices.uploaded(value.rows(0, 2), devices.get({"far", 0})).raw(), first.raw()) << "a part of it";
}

// Memory that was given back may be given out again, at the same address, for something else.
TEST(SharedConstants, OtherMemoryAtTheSameAddressIsNotTakenForIt) {
  DeviceSet devices({});
  Device& far = devices.get({"far", 0});
  float memory[] = {1, 2};
  const auto owner = [&] { return Buffer(memory, [](void*) {}); };
  const auto downloaded = [&](const Tensor& there) {
    float value = 0;
    far.copy_to_host(&value, there.raw(), sizeof(value));
    return value;
  };
  Tensor first(owner(), 0, DType::kFloat32, {2});
  const Tensor there = devices.uploaded(first, far);
  first = {};
  memory[0] = 3;
  const Tensor second(owner(), 0, DType::kFloat32, {2});
  EXPECT_EQ(downloaded(devices.uploaded(second, far)), 3.0F);
  EXPECT_EQ(downloaded(there), 1.0F);
}

TEST(SharedConstants, ACopyThatNoPlanHoldsIsGivenBack) {
  DeviceSet devices({});
  Device& far = devices.get({"far", 0});
  const Tensor value = random_uniform_tensor(DType::kFloat32, {4}, 1);
  std::weak_ptr<void> copy;
  {
    const Tensor there = devices.uploaded(value, far);
    copy = there.buffer();
    reset_far_copies();
    const Tensor same = devices.uploaded(value, far);
    EXPECT_EQ(far_copies().uploads, 0);
  }
  EXPECT_TRUE(copy.expired());
  const Tensor again = devices.uploaded(value, far);
  EXPECT_EQ(far_copies().uploads, 1);
}

}  // namespace
}  // namespace gradus
