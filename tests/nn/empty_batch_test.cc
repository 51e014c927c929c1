// A batch without rows, as the last of a filtered data set may be: it trains nothing and spoils nothing.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/values.h"

namespace gradus::nn {
namespace {

TEST(EmptyBatch, LeavesMovingAveragesUnchanged) {
  for (const DType dtype : kDTypes) {
    for (const Shape& shape : {Shape{-1, 2}, Shape{0, 2}, Shape{-1, 4, 4, 2}}) {
      Graph graph;
      const Output x = placeholder(graph, dtype, shape);
      const Output y = batch_norm(x);
      std::vector<Operation> updates;
      for (const Output& update : graph.collection(kUpdateOps)) updates.emplace_back(update);
      Shape empty = shape;
      empty.set_dim(0, 0);
      for (const char* device : kDevices) {
        Session session(graph, {.device = device, .poison_outputs = true});
        const auto before = session.state();
        EXPECT_EQ(session.run({{x, Tensor(dtype, empty)}}, {y}, updates)[0].shape(), empty);
        for (const auto& [name, value] : session.state()) EXPECT_TRUE(bit_equal(value, before.at(name))) << name;
        if (shape[0] == 0) continue;
        Shape two = shape;
        two.set_dim(0, 2);
        session.run({{x, Tensor::full(dtype, two, 3)}}, {}, updates);
        EXPECT_NEAR(session.value(graph.find_output("batch_norm/moving_mean")).at(0), 0.03, 1e-8);
        EXPECT_NEAR(session.value(graph.find_output("batch_norm/moving_variance")).at(0), 0.99, 1e-7);
      }
    }
  }
}

// One row per channel: its variance, 0, counts (divided by n rather than n - 1).
TEST(EmptyBatch, OneRowMovesTheAveragesByItsVarianceZero) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 2});
  batch_norm(x, {.momentum = 0.5});
  std::vector<Operation> updates;
  for (const Output& update : graph.collection(kUpdateOps)) updates.emplace_back(update);
  for (const char* device : kDevices) {
    Session session(graph, {.device = device});
    session.run({{x, Tensor::full(DType::kFloat32, {1, 2}, 6)}}, {}, updates);
    EXPECT_EQ(session.value(graph.find_output("batch_norm/moving_mean")).at(1), 3);
    EXPECT_EQ(session.value(graph.find_output("batch_norm/moving_variance")).at(1), 0.5);
  }
}

// The loss is NaN, the mean of nothing; the weights stay as they are.
TEST(EmptyBatch, TrainsNothing) {
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16, DType::kFloat32}) {
    Graph graph;
    const Output images = placeholder(graph, dtype, {-1, 6, 6, 2}, "images");
    const Output labels = placeholder(graph, DType::kInt32, {-1}, "labels");
    Output h = relu(batch_norm(conv2d(images, {.filters = 3})));
    h = avg_pool2d(max_pool2d(h), {.size = 3});
    h = batch_norm(dense(nn::dropout(flatten(h), {.rate = 0.5}), {.units = 4, .l2 = 0.1}), {}, "bn2");
    const Output logits = dense(h, {.units = 3}, "logits");
    const Output loss = sparse_softmax_loss(labels, logits, {.label_smoothing = 0.1});
    const Output accurate = accuracy(labels, logits), top2 = top_k_accuracy(labels, logits, 2);
    for (const Optimizer& optimizer :
         {sgd({.learning_rate = 0.1}), momentum({.clipping = {.by_global_norm = 1}}), rms_prop(), adam()}) {
      const Operation train = optimizer.minimize(loss);
      for (const char* device : kDevices) {
        Session session(graph, {.device = device, .seed = 1, .poison_outputs = true});
        const auto before = session.state();
        const auto r = session.run({{images, Tensor(dtype, {0, 6, 6, 2})}, {labels, Tensor(DType::kInt32, {0})}},
                                   {loss, accurate, top2}, {train});
        for (const Tensor& t : r) EXPECT_TRUE(std::isnan(t.at(0)));
        const auto after = session.state();
        for (const Output& v : graph.collection(kTrainableVariables))
          EXPECT_TRUE(bit_equal(after.at(v.node().name()), before.at(v.node().name()))) << device << " " << v.name();
        for (const auto& [name, value] : after) {
          for (std::int64_t i = 0; i < value.num_elements(); ++i) EXPECT_TRUE(std::isfinite(value.at(i))) << name;
        }
      }
    }
  }
}

TEST(EmptyBatch, TakesNoPartInAMean) {
  Mean mean;
  EXPECT_TRUE(std::isnan(mean.value()));
  mean.add(std::nan(""), 0);
  EXPECT_TRUE(std::isnan(mean.value()));
  mean.add(0.5, std::size_t{4});
  mean.add(std::nan(""), std::int64_t{0});
  mean.add(1.0, 4);
  EXPECT_EQ(mean.value(), 0.75);
  mean.add(std::nan(""));
  EXPECT_TRUE(std::isnan(mean.value())) << "a NaN that counts is seen";
  ConfusionMatrix matrix(2);
  matrix.add(Tensor(DType::kInt32, {0}), Tensor(DType::kInt32, {0}));
  EXPECT_TRUE(std::isnan(matrix.accuracy()) && std::isnan(matrix.precision(0)) && std::isnan(matrix.recall(1)));
}

}  // namespace
}  // namespace gradus::nn
