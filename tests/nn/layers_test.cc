#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expect_error.h"

namespace gradus::nn {
namespace {

std::int64_t parameters(const Graph& graph) {
  std::int64_t count = 0;
  for (const Output& v : graph.collection(kTrainableVariables)) count += v.shape().num_elements();
  return count;
}

struct Moments {
  double mean = 0.0, variance = 0.0, largest = 0.0;
};
Moments moments(const Tensor& t) {
  Moments m;
  const double n = static_cast<double>(t.num_elements());
  for (std::int64_t i = 0; i < t.num_elements(); ++i) {
    m.mean += t.at(i) / n;
    m.largest = std::max(m.largest, std::fabs(t.at(i)));
  }
  for (std::int64_t i = 0; i < t.num_elements(); ++i) m.variance += (t.at(i) - m.mean) * (t.at(i) - m.mean) / n;
  return m;
}

TEST(Initializers, HaveTheVarianceOfTheirPapers) {
  Graph graph;
  const Shape shape{5, 5, 40, 60};  // fan_in 1000, fan_out 1500
  const std::vector<std::pair<Initializer, double>> cases = {
      {glorot_uniform(), 2.0 / 2500}, {glorot_normal(), 2.0 / 2500}, {he_uniform(), 2.0 / 1000},
      {he_normal(), 2.0 / 1000},      {uniform(-0.3, 0.3), 0.03},    {normal(0.0, 0.2), 0.04}};
  Session session(graph, {.seed = 7});
  for (const auto& [initializer, variance] : cases) {
    const Moments m = moments(session.run({initializer(graph, DType::kFloat32, shape)})[0]);
    EXPECT_NEAR(m.mean, 0.0, 5 * std::sqrt(variance / 60000));
    EXPECT_NEAR(m.variance, variance, 0.05 * variance);
  }
  // A normal cut at two standard deviations keeps 0.7737 of its variance.
  const Moments cut = moments(session.run({truncated_normal(0.0, 1.0)(graph, DType::kFloat64, shape)})[0]);
  EXPECT_LE(cut.largest, 2.0);
  EXPECT_NEAR(cut.variance, 0.7737, 0.03);
}

TEST(Initializers, OrthogonalRowsOrColumnsAreOrthonormal) {
  Graph graph;
  Session session(graph);
  for (const Shape& shape : {Shape{12, 7}, Shape{7, 12}, Shape{3, 2, 2, 5}}) {
    const Tensor q = session.run({orthogonal(2.0, 3)(graph, DType::kFloat64, shape)})[0];
    const std::int64_t columns = shape[shape.rank() - 1];
    const std::int64_t rows = q.num_elements() / columns;
    const bool wide = rows <= columns;
    for (std::int64_t a = 0; a < std::min(rows, columns); ++a) {
      for (std::int64_t b = 0; b < std::min(rows, columns); ++b) {
        double dot = 0.0;
        for (std::int64_t k = 0; k < std::max(rows, columns); ++k) {
          dot += wide ? q.at(a * columns + k) * q.at(b * columns + k) : q.at(k * columns + a) * q.at(k * columns + b);
        }
        EXPECT_NEAR(dot, a == b ? 4.0 : 0.0, 1e-12);
      }
    }
  }
}

TEST(Initializers, OrthogonalWeightsOfTwoLayersDiffer) {
  Graph graph;
  const Output a = orthogonal()(graph, DType::kFloat64, {4, 4}), b = orthogonal()(graph, DType::kFloat64, {4, 4});
  Session session(graph);
  const auto values = session.run({a, b});
  EXPECT_FALSE(bit_equal(values[0], values[1]));
}

TEST(Initializers, FansOfConvolutionsCountTheTaps) {
  const Fans conv = fans_of({5, 3, 4, 6});
  EXPECT_EQ(conv.in, 5 * 3 * 4);
  EXPECT_EQ(conv.out, 5 * 3 * 6);
  EXPECT_EQ(fans_of({7, 2}).in, 7);
  EXPECT_EQ(fans_of({7, 2}).out, 2);
}

TEST(Layers, ShapesAndParameterCounts) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 9, 8, 4}, "x");
  EXPECT_EQ(conv2d(x, {.filters = 6, .kernel = {3, 2}}).shape(), (Shape{-1, 9, 8, 6}));
  EXPECT_EQ(parameters(graph), 3 * 2 * 4 * 6 + 6);
  EXPECT_EQ(
      conv2d(x, {.filters = 6, .strides = {2, 3}, .padding = Padding::kValid, .groups = 2, .use_bias = false}).shape(),
      (Shape{-1, 4, 2, 6}));
  EXPECT_EQ(depthwise_conv2d(x, {.multiplier = 3}).shape(), (Shape{-1, 9, 8, 12}));
  EXPECT_EQ(max_pool2d(x).shape(), (Shape{-1, 4, 4, 4}));
  EXPECT_EQ(avg_pool2d(x, {.size = 3, .stride = 1, .padding = Padding::kSame}).shape(), x.shape());
  EXPECT_EQ(dense(flatten(x), {.units = 10}).shape(), (Shape{-1, 10}));
  const Output nchw = placeholder(graph, DType::kFloat32, {-1, 4, 9, 8}, "nchw");
  EXPECT_EQ(conv2d(nchw, {.filters = 6, .data_format = DataFormat::kNCHW}).shape(), (Shape{-1, 6, 9, 8}));
}

TEST(Layers, MistakesNameTheLayerAndTheLine) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 9, 8, 4}, "x");
  const auto refused = [](const char* text, const std::function<void()>& f) {
    expect_error(Code::kInvalidArgument, text, f);
  };
  refused("[nn::conv2d 'c' at layers_test.cc:", [&] { conv2d(x, {}, "c"); });
  refused("groups must divide the 4 channels", [&] { conv2d(x, {.filters = 6, .groups = 3}); });
  refused("2 values", [&] { conv2d(x, {.filters = 6, .kernel = {3}}); });
  refused("at least 1 row and 1 column; got 0 x 3", [&] { conv2d(x, {.filters = 6, .kernel = {0, 3}}); });
  refused("at least 1 row and 1 column; got 1 x -1", [&] { depthwise_conv2d(x, {.kernel = {1, -1}}); });
  refused("'conv2d/kernel' needs an initializer", [&] { conv2d(x, {.filters = 6, .kernel_initializer = nullptr}); });
  refused("l2 of the variable 'd/kernel' must not be negative",
          [&] { dense(flatten(x), {.units = 3, .l2 = -1}, "d"); });
  refused("flatten() images first", [&] { dense(x, {.units = 3}); });
  refused("units must be at least 1", [&] { dense(flatten(x), {}); });
  refused("[nn::batch_norm 'bn' at layers_test.cc:", [&] { batch_norm(x, {.momentum = 1.0}, "bn"); });
  for (const double rate : {-0.5, 1.0, std::nan("")}) {
    for (const bool training : {true, false}) {
      refused("rate must be in [0, 1)", [&] { dropout(x, {.rate = rate, .training = training}); });
    }
  }
}

TEST(BatchNorm, NormalisesTheBatchAndKeepsMovingAverages) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1, 2, 2, 3}, "x");
  const Output y = batch_norm(x, {.momentum = 0.9, .epsilon = 1e-3});
  Output y_test;
  {
    const ReuseVariables reuse(graph);
    y_test = batch_norm(x, {.training = false, .epsilon = 1e-3});
  }
  EXPECT_EQ(parameters(graph), 6);
  std::vector<Operation> updates;
  for (const Output& update : graph.collection(kUpdateOps)) updates.emplace_back(update);
  ASSERT_EQ(updates.size(), 2u);
  Session session(graph);
  const Tensor value = random_normal_tensor(DType::kFloat64, {5, 2, 2, 3}, 1, 4.0, 2.0);
  const Tensor normalised = session.run({{x, value}}, {y}, updates)[0];
  // Channel 1 by hand: biased variance normalises, the unbiased one is averaged (as TensorFlow's fused batch norm).
  double mean = 0.0, square = 0.0;
  for (std::int64_t i = 1; i < 60; i += 3) mean += value.at(i) / 20;
  for (std::int64_t i = 1; i < 60; i += 3) square += (value.at(i) - mean) * (value.at(i) - mean);
  for (std::int64_t i = 1; i < 60; i += 3) {
    EXPECT_NEAR(normalised.at(i), (value.at(i) - mean) / std::sqrt(square / 20 + 1e-3), 1e-12);
  }
  const double moving_mean = 0.1 * mean;
  const double moving_variance = 0.9 + 0.1 * square / 19;
  const Tensor tested = session.run({{x, value}}, {y_test})[0];
  EXPECT_NEAR(tested.at(1), (value.at(1) - moving_mean) / std::sqrt(moving_variance + 1e-3), 1e-12);
}

TEST(Reuse, GivesTheSameVariablesAndChecksThem) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 28, 28, 1}, "x");
  const Output a = lenet5(x);
  const std::int64_t count = parameters(graph);
  Output b;
  {
    const ReuseVariables reuse(graph);
    b = lenet5(x, {.training = false});
    EXPECT_THROW(get_variable(graph, "unknown", DType::kFloat32, {1}, zeros()), Error);
  }
  EXPECT_EQ(parameters(graph), count);
  Session session(graph);
  const auto values = session.run({{x, random_uniform_tensor(DType::kFloat32, {3, 28, 28, 1}, 1)}}, {a, b});
  EXPECT_TRUE(bit_equal(values[0], values[1]));
}

TEST(Reuse, HoldsWhileAnotherGraphReusesItsOwn) {
  Graph graph, other;
  const Output v = get_variable(graph, "v", DType::kFloat32, {2}, zeros());
  const ReuseVariables reuse(graph), reuse_other(other);
  EXPECT_EQ(get_variable(graph, "v", DType::kFloat32, {2}, zeros()), v);
}

TEST(Models, HaveTheKnownNumbersOfParameters) {
  const auto count = [](ModelFn model, const Shape& images) {
    Graph graph;
    const Output logits = model(placeholder(graph, DType::kFloat32, images), {});
    EXPECT_EQ(logits.shape(), (Shape{-1, 10}));
    return parameters(graph);
  };
  EXPECT_EQ(count(lenet5, {-1, 28, 28, 1}), 61706);
  EXPECT_EQ(count(deep_mnist, {-1, 28, 28, 1}), 3274634);
  EXPECT_EQ(count(resnet20, {-1, 32, 32, 3}), 272474);  // 0.27M in the paper
  EXPECT_THROW(model_by_name("alexnet"), Error);
}

TEST(Metrics, AccuracyTopKMeanAndConfusion) {
  Graph graph;
  const Output labels = constant(graph, std::vector<std::int32_t>{0, 1, 2, 1});
  const Output logits = constant(graph, Tensor::from<float>({4, 3}, {3, 2, 1, 1, 3, 2, 2, 3, 1, 3, 2, 1}));
  Session session(graph);
  const auto values = session.run({accuracy(labels, logits), top_k_accuracy(labels, logits, 2)});
  EXPECT_FLOAT_EQ(values[0].item<float>(), 0.5F);   // rows 0 and 1
  EXPECT_FLOAT_EQ(values[1].item<float>(), 0.75F);  // and row 3
  Mean mean;
  EXPECT_TRUE(std::isnan(mean.value()));
  mean.add(1.0, 3.0);
  mean.add(2.0, 1.0);
  EXPECT_DOUBLE_EQ(mean.value(), 1.25);
  ConfusionMatrix matrix(3);
  matrix.add(Tensor::from<std::int32_t>({0, 1, 2, 1}), Tensor::from<std::int32_t>({0, 1, 1, 0}));
  EXPECT_EQ(matrix.count(2, 1), 1);
  EXPECT_DOUBLE_EQ(matrix.accuracy(), 0.5);
  EXPECT_DOUBLE_EQ(matrix.precision(1), 0.5);
  EXPECT_DOUBLE_EQ(matrix.recall(1), 0.5);
  EXPECT_THROW(matrix.add(Tensor::from<std::int32_t>({3}), Tensor::from<std::int32_t>({0})), Error);
  expect_error(Code::kOutOfRange, "label 0, prediction 3: classes are [0, 3)", [&] { matrix.count(0, 3); });
  expect_error(Code::kOutOfRange, "label 5", [&] { matrix.recall(5); });
  expect_error(Code::kInvalidArgument, "got labels float32",
               [&] { matrix.add(Tensor::from<float>({0.5F}), Tensor::from<std::int32_t>({0})); });
}

// Shapes that would broadcast to all pairs give a plausible, wrong number.
TEST(Metrics, RefuseShapesThatWouldBroadcast) {
  Graph graph;
  const Output labels = placeholder(graph, DType::kInt32, {-1}, "labels");
  const Output logits = placeholder(graph, DType::kFloat32, {-1, 3}, "logits");
  expect_error(Code::kInvalidArgument, "[nn::accuracy 'accuracy' at layers_test.cc:", [&] {
    accuracy(reshape(labels, {-1, 1}), logits);
  });
  expect_error(Code::kInvalidArgument, "got labels [?] and logits [3]",
               [&] { accuracy(labels, placeholder(graph, DType::kFloat32, {3})); });
  expect_error(Code::kInvalidArgument, "int32 or int64 class numbers; got float32",
               [&] { accuracy(cast(labels, DType::kFloat32), logits); });
  const Output target = placeholder(graph, DType::kFloat32, {-1}, "target");
  expect_error(Code::kInvalidArgument, "the same shape; got [?] and [?,1]", [&] {
    mean_squared_error(target, reshape(target, {-1, 1}));
  });
}

TEST(Losses, LabelSmoothingAndRegularisation) {
  Graph graph;
  const Output labels = constant(graph, std::vector<std::int32_t>{1});
  const Output logits = constant(graph, Tensor::from<double>({1, 2}, {0.0, 1.0}));
  Session session(graph);
  const double log_sum = std::log(1.0 + std::exp(1.0));
  EXPECT_NEAR(session.run({sparse_softmax_loss(labels, logits)})[0].item<double>(), log_sum - 1.0, 1e-14);
  // Targets 0.05, 0.95: -sum t log p.
  EXPECT_NEAR(session.run({sparse_softmax_loss(labels, logits, {.label_smoothing = 0.1})})[0].item<double>(),
              log_sum - 0.95, 1e-14);
  EXPECT_NEAR(session
                  .run({softmax_loss(constant(graph, Tensor::from<double>({1, 2}, {0, 1})), logits,
                                     {.label_smoothing = 0.1})})[0]
                  .item<double>(),
              log_sum - 0.95, 1e-14);
  // An unknown number of classes, and a label that does not exist, are no different with smoothing.
  const Output open = placeholder(graph, DType::kFloat64, {-1, -1}, "open");
  const Output smooth = sparse_softmax_loss(labels, open, {.label_smoothing = 0.1});
  EXPECT_NEAR(session.run({{open, Tensor::from<double>({1, 2}, {0.0, 1.0})}}, {smooth})[0].item<double>(),
              log_sum - 0.95, 1e-14);
  expect_error(Code::kOutOfRange, "row 0 has label 1, but there are 1 classes", [&] {
    session.run({{open, Tensor::zeros(DType::kFloat64, {1, 1})}}, {smooth});
  });
  expect_error(Code::kInvalidArgument, "[nn::sparse_softmax_loss 'softmax_loss' at layers_test.cc:", [&] {
    sparse_softmax_loss(labels, logits, {.label_smoothing = 1.0});
  });
  const Output v = get_variable(graph, "v", DType::kFloat64, {2}, constant(3.0), {.l2 = 0.5});
  EXPECT_NEAR(session.run({with_regularization(scalar(graph, 1.0, DType::kFloat64))})[0].item<double>(),
              1.0 + 0.5 * 9.0, 1e-14);
  (void)v;
}

}  // namespace
}  // namespace gradus::nn
