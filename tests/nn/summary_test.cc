// nn::summary against parameters counted by hand.
#include "gradus/nn/summary.h"

#include <gtest/gtest.h>

#include <sstream>

#include "gradus/nn/layers.h"
#include "gradus/nn/losses.h"
#include "gradus/nn/models.h"
#include "gradus/nn/moving_average.h"
#include "gradus/nn/optimizers.h"
#include "gradus/nn/variables.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"

namespace gradus::nn {
namespace {

using Row = std::tuple<std::string, std::string, std::string, std::int64_t, std::int64_t>;
std::vector<Row> rows(const ModelSummary& summary) {
  std::vector<Row> result;
  for (const LayerSummary& l : summary.layers)
    result.emplace_back(l.name, l.type, l.output.to_string(), l.trainable, l.not_trainable);
  return result;
}

TEST(Summary, LeNet5) {
  Graph graph;
  const Output images = placeholder(graph, DType::kFloat32, {-1, 28, 28, 1}, "images");
  const Output labels = placeholder(graph, DType::kInt32, {-1}, "labels");
  // The l2 terms are no part of the layers' types.
  const Output logits = lenet5(images, {.l2 = 1e-4});
  ExponentialMovingAverage(graph, 0.9)
      .update(adam().minimize(with_regularization(sparse_softmax_loss(labels, logits))));
  const std::vector<Row> model = {{"images", "Placeholder", "[?,28,28,1]", 0, 0},
                                  {"lenet5/conv1", "Conv2D, BiasAdd", "[?,28,28,6]", 5 * 5 * 1 * 6 + 6, 0},
                                  {"lenet5/Relu", "Relu", "[?,28,28,6]", 0, 0},
                                  {"lenet5/pool1", "MaxPool", "[?,14,14,6]", 0, 0},
                                  {"lenet5/conv2", "Conv2D, BiasAdd", "[?,10,10,16]", 5 * 5 * 6 * 16 + 16, 0},
                                  {"lenet5/Relu_1", "Relu", "[?,10,10,16]", 0, 0},
                                  {"lenet5/pool2", "MaxPool", "[?,5,5,16]", 0, 0},
                                  {"lenet5/flatten", "Reshape", "[?,400]", 0, 0},
                                  {"lenet5/fc1", "MatMul, BiasAdd", "[?,120]", 400 * 120 + 120, 0},
                                  {"lenet5/Relu_2", "Relu", "[?,120]", 0, 0},
                                  {"lenet5/fc2", "MatMul, BiasAdd", "[?,84]", 120 * 84 + 84, 0},
                                  {"lenet5/Relu_3", "Relu", "[?,84]", 0, 0},
                                  {"lenet5/logits", "MatMul, BiasAdd", "[?,10]", 84 * 10 + 10, 0}};
  const ModelSummary of_logits = summary(logits);
  EXPECT_EQ(rows(of_logits), model) << of_logits;
  EXPECT_EQ(of_logits.trainable, 61706) << of_logits;
  EXPECT_EQ(of_logits.trainable_bytes, 4u * 61706);
  EXPECT_EQ(of_logits.not_trainable, 0);
  EXPECT_EQ(of_logits.other_variables, 0);

  const ModelSummary of_graph = summary(graph);
  EXPECT_EQ(of_graph.trainable, 61706) << of_graph;
  EXPECT_EQ(of_graph.not_trainable, 0) << of_graph;
  ASSERT_EQ(of_graph.layers.size(), model.size() + 3) << "labels, softmax_loss, the sum with the l2 terms\n"
                                                      << of_graph;
  // Of 10 variables an average and Adam's two slots and counter; global_step. Counters are int64.
  EXPECT_EQ(of_graph.other_variables, 41) << of_graph;
  EXPECT_EQ(of_graph.other_bytes, 3u * 4u * 61706 + 11u * 8u) << of_graph;
}

TEST(Summary, ResNet20HasItsMovingAveragesAsNotTrainable) {
  Graph graph;
  const Output images = placeholder(graph, DType::kFloat32, {-1, 32, 32, 3}, "images");
  const Output labels = placeholder(graph, DType::kInt32, {-1}, "labels");
  const Output logits = resnet20(images);
  momentum({}).minimize(sparse_softmax_loss(labels, logits));
  // 3x3 kernels; 784 channels in all batch norms; the last layer.
  const std::int64_t stem = 9 * 3 * 16, stage1 = 6 * 9 * 16 * 16, stage2 = 9 * 16 * 32 + 5 * 9 * 32 * 32 + 16 * 32,
                     stage3 = 9 * 32 * 64 + 5 * 9 * 64 * 64 + 32 * 64, channels = 16 + 6 * 16 + 7 * 32 + 7 * 64;
  const std::int64_t trainable = stem + stage1 + stage2 + stage3 + 2 * channels + 64 * 10 + 10;
  EXPECT_EQ(trainable, 272474);
  for (const ModelSummary& s : {summary(graph), summary(logits)}) {
    EXPECT_EQ(s.trainable, trainable) << s;
    EXPECT_EQ(s.not_trainable, 2 * channels) << s;
    const auto found = rows(s);
    for (const Row& row : {Row{"resnet20/stage2_block1/shortcut/conv", "Conv2D", "[?,16,16,32]", 16 * 32, 0},
                           Row{"resnet20/stage2_block1/shortcut/bn", "FusedBatchNorm", "[?,16,16,32]", 64, 64},
                           Row{"resnet20/stage2_block1/Add", "Add", "[?,16,16,32]", 0, 0}}) {
      EXPECT_EQ(std::count(found.begin(), found.end(), row), 1) << std::get<0>(row) << "\n" << s;
    }
  }
  EXPECT_EQ(summary(graph).other_variables, 65 + 1) << "a slot for each, and global_step";
}

TEST(Summary, SharedVariablesAreCountedOnce) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 3}, "x");
  dense(x, {.units = 2}, "fc");
  const ReuseVariables reuse(graph);
  const Output again = dense(x * 2.0, {.units = 2}, "fc");
  const ModelSummary both = summary(graph);
  EXPECT_EQ(both.trainable, 8) << both;
  EXPECT_EQ(both.layers.back().shared, 8) << both;
  const ModelSummary second = summary(again);
  EXPECT_EQ(second.trainable, 8) << second;
  EXPECT_EQ(second.layers.back().trainable, 8) << second;
}

TEST(Summary, VariablesWithoutAScopeCountWhereTheyAreRead) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1, 3}, "x");
  const Output w = variable(graph, Tensor::full(DType::kFloat64, {3, 2}, 1.0), "w");
  const ModelSummary s = summary(matmul(x, w, {}, "product"));
  EXPECT_EQ(rows(s), (std::vector<Row>{{"x", "Placeholder", "[?,3]", 0, 0}, {"product", "MatMul", "[?,2]", 6, 0}}))
      << s;
  EXPECT_EQ(s.trainable_bytes, 48u);
}

TEST(Summary, PrintsATable) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 3}, "x");
  std::ostringstream text;
  text << summary(dense(x, {.units = 1000}, "fc"));
  EXPECT_EQ(text.str(),
            "layer  type             output            parameters\n"
            "x      Placeholder      float32 [?,3]\n"
            "fc     MatMul, BiasAdd  float32 [?,1000]       4,000\n"
            "\n"
            "trainable: 4,000 parameters, 15.6 KiB\n"
            "not trainable: 0 parameters, 0 B");
  expect_error(Code::kInvalidArgument, "nn::summary: the output refers to nothing", [] { summary(Output()); });
}

}  // namespace
}  // namespace gradus::nn
