// A network whose first half runs on the reference device and whose second half runs on the CPU device trains to the same
// losses as all on the CPU.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

namespace gradus::nn {
namespace {

constexpr std::int64_t kBatch = 8;

std::vector<double> losses(const char* first_half, std::string* explanation) {
  Graph graph;
  const Output images = placeholder(graph, DType::kFloat32, {-1, 28, 28, 1}, "images");
  const Output labels = placeholder(graph, DType::kInt32, {-1}, "labels");
  Output h;
  {
    const DeviceScope on(graph, first_half);
    h = relu(conv2d(images, {.filters = 6, .kernel = {5, 5}}, "conv1"));
    h = max_pool2d(h, {}, "pool1");
    h = relu(conv2d(h, {.filters = 16, .kernel = {5, 5}, .padding = Padding::kValid}, "conv2"));
    h = flatten(max_pool2d(h, {}, "pool2"));
  }
  h = relu(dense(h, {.units = 120}, "fc1"));
  h = relu(dense(h, {.units = 84}, "fc2"));
  const Output loss = sparse_softmax_loss(labels, dense(h, {.units = 10}, "logits"));
  const Operation train = momentum({.learning_rate = 0.05}).minimize(loss);
  Session session(graph, {.device = "cpu:0", .seed = 3});
  const io::ImageSet digits = io::synthetic_digits({.seed = 2, .train = 5 * kBatch, .test = 1}).train;
  std::vector<double> result;
  for (const io::Batch& batch : digits.batched(kBatch)) {
    const Feeds feeds = {{images, batch.images}, {labels, batch.labels}};
    result.push_back(static_cast<double>(session.run(feeds, {loss}, {train})[0].item<float>()));
    *explanation = session.explain(feeds, {loss}, {train});
  }
  return result;
}

TEST(MixedDevices, HalfOnRefAndHalfOnCpuTrainsLikeAllOnCpu) {
  std::string mixed_text, plain_text;
  const std::vector<double> mixed = losses("ref:0", &mixed_text);
  const std::vector<double> plain = losses("cpu:0", &plain_text);
  ASSERT_EQ(mixed.size(), 5u);
  for (std::size_t i = 0; i < mixed.size(); ++i) EXPECT_NEAR(mixed[i], plain[i], 1e-5) << "step " << i;
  EXPECT_NE(mixed_text.find("copy from ref:0"), std::string::npos) << mixed_text;
  EXPECT_NE(mixed_text.find("copy from cpu:0"), std::string::npos) << "the gradient goes back";
  EXPECT_EQ(plain_text.find("copy from"), std::string::npos);
}

}  // namespace
}  // namespace gradus::nn
