// Training on a device whose memory is not the host's: the reference's bits, and in a step nothing goes up but what is fed.
#include <gradus/gradus.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/models.h>
#include <gradus/nn/optimizers.h>
#include <gtest/gtest.h>

#include "gradus/core/philox.h"
#include "tests/support/expect_error.h"
#include "tests/support/far_device.h"

namespace gradus {
namespace {

constexpr std::int64_t kBatch = 4;

Tensor random_images(const Shape& shape, std::uint64_t seed) {
  Tensor images(DType::kFloat32, shape);
  const PhiloxStream stream(seed, 1);
  for (std::int64_t i = 0; i < images.num_elements(); ++i) images.set(i, stream.uniform(static_cast<std::uint64_t>(i)));
  return images;
}

struct Training {
  Training(const std::string& model, const Shape& image, bool recompute)
      : shape({kBatch, image[0], image[1], image[2]}) {
    images = placeholder(graph, DType::kFloat32, {-1, image[0], image[1], image[2]}, "images");
    labels = placeholder(graph, DType::kInt32, {-1}, "labels");
    loss = nn::sparse_softmax_loss(labels, nn::model_by_name(model)(images, {.recompute = recompute}));
    train = nn::momentum({.learning_rate = 0.01, .momentum = 0.9}).minimize(loss);
  }

  Feeds feeds(int step) const {
    Tensor classes(DType::kInt32, {kBatch});
    for (std::int64_t i = 0; i < kBatch; ++i) classes.set(i, static_cast<double>((3 * i + step) % 10));
    return {{images, random_images(shape, 7 + static_cast<std::uint64_t>(step))}, {labels, classes}};
  }

  Shape shape;
  Graph graph;
  Output images, labels, loss;
  Operation train;
};

void expect_training_like_the_references(const std::string& model, const Shape& image, int steps,
                                         bool recompute = false) {
  const Training t(model, image, recompute), plain(model, image, false);
  Session far(t.graph, {.device = "far:0", .seed = 3, .poison_outputs = true});
  Session reference(plain.graph, {.device = "ref:0", .seed = 3});
  for (int step = 0; step < steps; ++step) {
    reset_far_copies();
    const Tensor loss = far.run(t.feeds(step), t.loss, {t.train});
    if (step > 0) {  // the first makes the plan and the variables' initial values
      EXPECT_EQ(far_copies().uploads, 2) << model << ": of the images and the labels";
      EXPECT_EQ(far_copies().downloads, 1) << model << ": of the loss";
    }
    EXPECT_TRUE(bit_equal(loss, reference.run(plain.feeds(step), plain.loss, {plain.train})))
        << model << ", step " << step;
  }
  const auto state = far.state(), expected = reference.state();
  ASSERT_EQ(state.size(), expected.size());
  for (const auto& [name, value] : expected) EXPECT_TRUE(bit_equal(state.at(name), value)) << model << ": " << name;
}

TEST(FarTraining, Lenet5) { expect_training_like_the_references("lenet5", {28, 28, 1}, 4); }
// Both of smaller images than their own: the same steps, with a fifth of the three million weights or a quarter of the products.
TEST(FarTraining, DeepMnistDrawsTheSameDropout) { expect_training_like_the_references("deep_mnist", {12, 12, 1}, 2); }
TEST(FarTraining, Resnet20) { expect_training_like_the_references("resnet20", {16, 16, 3}, 2); }
TEST(FarTraining, Resnet20WithRecomputedBlocks) { expect_training_like_the_references("resnet20", {8, 8, 3}, 2, true); }

}  // namespace
}  // namespace gradus
