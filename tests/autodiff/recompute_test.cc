// RecomputeScope: the bits of every gradient stay, memory falls, and what must happen once happens once.
#include "gradus/graph/recompute_scope.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "gradus/autodiff/check/check_gradients.h"
#include "gradus/autodiff/gradients.h"
#include "gradus/exchange/graph_json.h"
#include "gradus/graph/run/session.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/losses.h"
#include "gradus/nn/models.h"
#include "gradus/nn/optimizers.h"
#include "gradus/ops/argmax.h"
#include "gradus/ops/batch_norm.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/debug.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reshape.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/softmax.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"
#include "tests/support/test_ops.h"

namespace gradus {
namespace {

// A RecomputeScope, or none to compare with.
class MaybeScope {
 public:
  MaybeScope(Graph& graph, bool recompute) {
    if (recompute) scope_.emplace(graph);
  }

 private:
  std::optional<RecomputeScope> scope_;
};

std::size_t arena_bytes(const PlanReport& report) {
  std::size_t bytes = 0;
  for (const PlanReport::Memory& memory : report.memory) bytes += memory.arena;
  return bytes;
}

std::vector<std::string> recomputed(const PlanReport& report) {
  std::vector<std::string> names;
  for (const PlanReport::Step& step : report.steps) {
    if (!step.recomputes.empty()) names.push_back(step.recomputes);
  }
  return names;
}

int count_op(const PlanReport& report, const std::string& op) {
  int count = 0;
  for (const PlanReport::Step& step : report.steps) {
    for (const PlanReport::Part& part : step.nodes) count += part.op == op;
  }
  return count;
}

void expect_same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(bit_equal(a[i], b[i])) << i << ": " << a[i] << b[i];
}

struct Training {
  std::map<std::string, Tensor> state;
  std::vector<std::string> recomputed;
  std::size_t arena;
};

Training train(const std::string& model, bool recompute, const Shape& shape, const SessionOptions& options) {
  Graph graph;
  const Output images = placeholder(graph, DType::kFloat32, shape, "images");
  const Output labels = placeholder(graph, DType::kInt32, {shape[0]}, "labels");
  const Output logits = nn::model_by_name(model)(images, {.l2 = 1e-4, .recompute = recompute});
  const Output loss = reduce_mean(sparse_softmax_cross_entropy_with_logits(labels, logits));
  const Operation step = nn::momentum({.learning_rate = 0.05, .momentum = 0.9}).minimize(nn::with_regularization(loss));
  Tensor classes(DType::kInt32, {shape[0]});
  for (std::int64_t i = 0; i < shape[0]; ++i) classes.set(i, static_cast<double>(i * 7 % 10));
  const Feeds feeds{{images, random_uniform_tensor(DType::kFloat32, shape, 1)}, {labels, classes}};
  Session session(graph, options);
  for (int i = 0; i < 3; ++i) session.run(feeds, {}, {step});
  const PlanReport report = session.report(feeds, {}, {step});
  return {session.state(), recomputed(report), arena_bytes(report)};
}

// Weights, momenta, moving averages and counters after three steps.
void expect_same_training(const std::string& model, const Shape& shape, const std::string& device,
                          double largest_share) {
  const SessionOptions options{.device = device, .seed = 3, .num_threads = 2};
  const Training plain = train(model, false, shape, options), again = train(model, true, shape, options);
  ASSERT_EQ(plain.state.size(), again.state.size());
  for (const auto& [name, tensor] : plain.state) EXPECT_TRUE(bit_equal(tensor, again.state.at(name))) << name;
  EXPECT_TRUE(plain.recomputed.empty());
  EXPECT_FALSE(again.recomputed.empty());
  // The mean and variance that the second batch norm of a block leaves for its gradient were kept, and its result goes into a relu that was,
  // since the next block's gradients read it. No gradient behind the last block does.
  for (const std::string& name : again.recomputed) {
    EXPECT_TRUE(!name.ends_with("/b/bn/batch_norm") || name.starts_with("resnet20/stage3_block3/")) << name;
  }
  EXPECT_LE(static_cast<double>(again.arena), largest_share * static_cast<double>(plain.arena));
}

// The first convolution with its gradient is all that counts: there is nothing to gain.
TEST(Recompute, LeNet5TrainsToTheSameBits) {
  expect_same_training("lenet5", {8, 28, 28, 1}, "cpu:0", 1.0);
  expect_same_training("lenet5", {2, 28, 28, 1}, "ref:0", 1.0);
}

TEST(Recompute, ModelWithDropoutTrainsToTheSameBits) {
  expect_same_training("deep_mnist", {4, 28, 28, 1}, "cpu:0", 1.0);
}

TEST(Recompute, ResNet20TrainsToTheSameBitsInLessMemory) {
  expect_same_training("resnet20", {8, 32, 32, 3}, "cpu:0", 0.6);
  expect_same_training("resnet20", {1, 32, 32, 3}, "ref:0", 1.0);
}

// A residual block with batch norm and dropout, and gradients of first and second order by what goes in, by a filter, and by an inner
// value.
std::vector<Tensor> block_gradients(bool recompute, bool optimize) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {3, 5, 4, 2}, "x");
  const Output filter = placeholder(graph, DType::kFloat64, {3, 3, 2, 2}, "filter");
  const Output ones = constant(graph, std::vector<double>{1.5, 0.5}),
               zeros = constant(graph, std::vector<double>{0.1, 0.2});
  Output inner, y;
  {
    const MaybeScope scope(graph, recompute);
    inner = fused_batch_norm(conv2d(x, filter), ones, zeros).y;
    y = nn::dropout(tanh(inner), {.rate = 0.3}, "drop");
    y = sigmoid(x + conv2d(y, filter));
  }
  const Output loss = reduce_sum(y * y);
  const std::vector<Output> xs{x, filter, inner};
  const std::vector<Output> first = gradients(loss, xs);
  const std::vector<Output> second =
      gradients({reduce_sum(first[0] * first[0]), reduce_sum(tanh(first[1])), reduce_sum(first[2] * first[2])}, xs);
  Session session(graph, {.device = "cpu:0", .seed = 5, .num_threads = 2, .optimize = optimize});
  std::vector<Output> fetches = first;
  fetches.insert(fetches.end(), second.begin(), second.end());
  return session.run({{x, random_uniform_tensor(DType::kFloat64, {3, 5, 4, 2}, 1)},
                      {filter, random_uniform_tensor(DType::kFloat64, {3, 3, 2, 2}, 2)}},
                     fetches);
}

TEST(Recompute, GradientsOfFirstAndSecondOrderKeepTheirBits) {
  expect_same_bits(block_gradients(true, true), block_gradients(false, true));
  expect_same_bits(block_gradients(true, false), block_gradients(false, false));
}

// h -> tanh(h w) twice in a scope, `scopes` times.
struct Chain {
  explicit Chain(bool recompute, int scopes = 4, Shape shape = {64, 64}) {
    x = placeholder(graph, DType::kFloat32, std::move(shape), "x");
    w = variable(graph, random_uniform_tensor(DType::kFloat32, {64, 64}, 3, -0.2, 0.2), "w");
    Output h = x;
    for (int i = 0; i < scopes; ++i) {
      const MaybeScope scope(graph, recompute);
      h = tanh(matmul(tanh(matmul(h, w)), w));
    }
    loss = reduce_sum(h * h);
    gradient = gradients(loss, {w})[0];
  }
  Graph graph;
  Output x, w, loss, gradient;
};

TEST(Recompute, InnerValuesAreComputedAgainWhenTheBackwardPassComesToThem) {
  Chain plain(false), again(true);
  const Feeds feeds{{plain.x, random_uniform_tensor(DType::kFloat32, {64, 64}, 1)}};
  const Feeds again_feeds{{again.x, feeds[0].second}};
  const SessionOptions options{.device = "cpu:0", .num_threads = 1};
  Session a(plain.graph, options), b(again.graph, options);
  expect_same_bits(a.run(feeds, {plain.loss, plain.gradient}), b.run(again_feeds, {again.loss, again.gradient}));

  // Of each scope all that tanh's rule and that of MatMul read: not the last tanh, which is kept since it goes into the next scope.
  const PlanReport report = b.report(again_feeds, {again.loss, again.gradient});
  EXPECT_EQ(recomputed(report),
            (std::vector<std::string>{"MatMul_6", "Tanh_6", "MatMul_7", "MatMul_4", "Tanh_4", "MatMul_5", "MatMul_2",
                                      "Tanh_2", "MatMul_3", "MatMul", "Tanh", "MatMul_1"}));
  EXPECT_EQ(count_op(report, "Tanh"), 8 + 4);
  // The loss comes first; and between two scopes, what the gradient of the later one needs.
  const auto position = [&](auto condition) {
    return std::find_if(report.steps.begin(), report.steps.end(), condition) - report.steps.begin();
  };
  const auto of = [&](const std::string& name) {
    return position([&](const PlanReport::Step& step) { return step.recomputes == name; });
  };
  EXPECT_LT(position([&](const PlanReport::Step& step) { return step.name == again.loss.name(); }), of("MatMul_6"));
  const auto gradient =
      position([](const PlanReport::Step& step) { return step.name.starts_with("gradients/MatMul_6/"); });
  EXPECT_LT(of("Tanh_6"), gradient);
  EXPECT_LT(gradient, of("MatMul_4"));
  EXPECT_NE(b.explain(again_feeds, {again.loss, again.gradient}).find("computes 'MatMul_6' again"), std::string::npos);
}

TEST(Recompute, MemoryOfADeepChainGrowsByOneValuePerScope) {
  const auto arena = [](bool recompute, int scopes) {
    Chain chain(recompute, scopes);
    const Output gradient = gradients(chain.loss, {chain.x})[0];
    Session session(chain.graph, {.device = "cpu:0", .num_threads = 1});
    return arena_bytes(session.report({{chain.x, random_uniform_tensor(DType::kFloat32, {64, 64}, 1)}}, {gradient}));
  };
  constexpr std::size_t kValue = 64 * 64 * 4;
  EXPECT_EQ(arena(true, 20) - arena(true, 10), 10 * kValue);
  EXPECT_EQ(arena(false, 20) - arena(false, 10), 20 * kValue);
}

TEST(Recompute, NestedScopesKeepLessThanTheOuterAlone) {
  const auto build = [](Graph& graph, const Output& x, bool outer, bool inner) {
    Output h = x;
    for (int i = 0; i < 4; ++i) {
      const MaybeScope outer_scope(graph, outer);
      for (int k = 0; k < 4; ++k) {
        const MaybeScope inner_scope(graph, inner);
        for (int m = 0; m < 4; ++m) h = sigmoid(h * h);
      }
    }
    return reduce_sum(h);
  };
  std::vector<Tensor> values;
  std::vector<std::size_t> arenas;
  for (const auto& [outer, inner] : {std::pair{false, false}, std::pair{true, false}, std::pair{true, true}}) {
    Graph graph;
    const Output x = placeholder(graph, DType::kFloat32, {64, 64}, "x");
    const Output gradient = gradients(build(graph, x, outer, inner), {x})[0];
    Session session(graph, {.device = "cpu:0", .num_threads = 1});
    const Feeds feeds{{x, random_uniform_tensor(DType::kFloat32, {64, 64}, 1)}};
    values.push_back(session.run(feeds, gradient));
    arenas.push_back(arena_bytes(session.report(feeds, {gradient})));
  }
  expect_same_bits({values[0], values[0]}, {values[1], values[2]});
  EXPECT_LT(arenas[1], arenas[0] * 2 / 3);
  EXPECT_LT(arenas[2], arenas[1] * 2 / 3);
}

TEST(Recompute, WhatPrintsAndWhatChangesVariablesHappensOnce) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {2}, "x");
  const Output count = variable(graph, Tensor::from<float>({1.0f, 2.0f}), "count");
  Output h;
  {
    const RecomputeScope recompute(graph);
    const Output printed = print(tanh(x), "recompute_test");
    h = exp(printed * assign_add(count, tanh(x))) * 3.0;
  }
  const Output gradient = gradients(reduce_sum(h * h), {x})[0];
  Session session(graph, {.device = "cpu:0", .num_threads = 1});
  const Feeds feeds{{x, Tensor::from<float>({0.5f, -1.0f})}};
  testing::internal::CaptureStderr();
  (void)session.run(feeds, gradient);
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("recompute_test"), text.rfind("recompute_test")) << text;
  const PlanReport report = session.report(feeds, {gradient});
  EXPECT_EQ(count_op(report, "AssignAdd"), 1);
  EXPECT_EQ(count_op(report, "Print"), 1);
  EXPECT_EQ(count_op(report, "Exp"), 2);
}

// d/dx of v x^2 at v = 2, x = 3, although v is 100 when the backward pass comes to the scope.
TEST(Recompute, ReadsTheVersionOfAVariableThatTheForwardPassRead) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {}, "x");
  const Output v = variable(graph, Tensor::scalar(2.0), "v");
  Output h, loss;
  {
    const RecomputeScope recompute(graph);
    h = (v * x) * x;
  }
  const Output changed = assign(v, 100.0 * ones_like(h));
  {
    const ControlScope after(graph, {changed});
    loss = identity(h) * h;  // 324
  }
  const Output gradient = gradients(loss, {x})[0];
  Session session(graph, {.device = "cpu:0", .num_threads = 1});
  const auto values = session.run({{x, Tensor::scalar(3.0)}}, {loss, gradient});
  EXPECT_EQ(values[0].item<double>(), 324.0);
  EXPECT_EQ(values[1].item<double>(), 432.0);  // 2 h * 2 v x
}

TEST(Recompute, AFedInnerValueIsFedToItsRecomputation) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {}, "x");
  Output inner, y;
  {
    const RecomputeScope recompute(graph);
    inner = x * x;
    y = tanh(inner * inner) * 1.0;
  }
  const Output gradient = gradients(y, {inner})[0];
  Session session(graph, {.device = "cpu:0", .num_threads = 1});
  const double t = std::tanh(0.25);
  EXPECT_NEAR(session.run({{inner, Tensor::scalar(0.5)}}, gradient).item<double>(), 1 - t * t,
              1e-15);  // 2 inner (1 - t^2)
}

TEST(Recompute, BatchNormMovesItsAveragesWhereTheLossIsLinearInTheBlock) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {8, 3}, "x");
  Output h;
  {
    const RecomputeScope recompute(graph);
    h = nn::batch_norm(tanh(x), {}, "bn");
  }
  const Operation train = nn::sgd({.learning_rate = 0.1}).minimize(reduce_sum(h));
  Session session(graph, {.device = "cpu:0", .num_threads = 1});
  const auto moving_mean = [&] { return session.state().at("bn/moving_mean"); };
  session.run({{x, random_uniform_tensor(DType::kFloat32, {8, 3}, 1)}}, {}, {train});
  for (std::int64_t i = 0; i < 3; ++i) EXPECT_NE(moving_mean().at(i), 0.0);
}

TEST(Recompute, ShapesThatFollowFromAnUnknownBatchStayKnown) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 4, 4, 2}, "x");
  const Output w = variable(graph, random_uniform_tensor(DType::kFloat32, {32, 5}, 3), "w");
  Output h;
  {
    const RecomputeScope recompute(graph);
    h = tanh(matmul(nn::flatten(tanh(x)), w));
    h = tanh(nn::flatten(h));
  }
  const Output gradient = gradients(reduce_sum(h * h), {x})[0];
  EXPECT_EQ(gradient.shape(), (Shape{-1, 4, 4, 2}));
  Session session(graph, {.device = "cpu:0", .num_threads = 1});
  for (const std::int64_t n : {0, 1, 3}) {
    const Tensor images = random_uniform_tensor(DType::kFloat32, {n, 4, 4, 2}, 1);
    EXPECT_EQ(session.run({{x, images}}, gradient).shape(), (Shape{n, 4, 4, 2}));
  }
}

TEST(Recompute, GraphFilesKeepScopesAndWhatIsRecomputed) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {4, 3}, "x");
  Output h;
  {
    const RecomputeScope recompute(graph);
    h = tanh(nn::dropout(tanh(x), {.rate = 0.5}, "drop")) * 2.0;
  }
  const Output loss = reduce_sum(h * h), before = gradients(loss, {x})[0];
  Graph read;
  graph_from_json(to_json(graph), read);
  EXPECT_EQ(to_json(read), to_json(graph));
  const Output later = gradients(read.find_output(loss.name()), {read.find_output("x")})[0];
  const SessionOptions options{.device = "cpu:0", .seed = 7, .num_threads = 1};
  Session first(graph, options), second(read, options);
  const Tensor value = random_uniform_tensor(DType::kFloat32, {4, 3}, 1);
  const Tensor expected = first.run({{x, value}}, before);
  const auto values = second.run({{read.find_output("x"), value}}, {read.find_output(before.name()), later});
  expect_same_bits({expected}, {values[0]});
  second.set_run_number(0);
  expect_same_bits({expected}, {second.run({{read.find_output("x"), value}}, later)});
  EXPECT_FALSE(recomputed(second.report({{read.find_output("x"), value}}, {later})).empty());
}

TEST(Recompute, CheckedAgainstFiniteDifferences) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {2, 3}, "x");
  Output inner, h;
  {
    const RecomputeScope recompute(graph);
    inner = nn::dropout(tanh(x * x), {.rate = 0.4}, "drop");
    h = sigmoid(inner * 2.0) * x;
  }
  const Output loss = reduce_sum(h * h);
  const Output penalty = reduce_sum(loss + 0.0) + reduce_sum(gradients(loss, {x})[0] * gradients(loss, {x})[0]);
  const GradientReport report = check_gradients(penalty, {x}, {.order = 2, .seed = 3});
  EXPECT_TRUE(report.ok()) << report;
}

TEST(Recompute, GradientsInsideAnOpenScopeAreRefused) {
  Graph graph, other;
  const Output x = placeholder(graph, DType::kFloat32, {2}, "x");
  const Output y = placeholder(other, DType::kFloat32, {2}, "y");
  const RecomputeScope recompute(graph);
  const int nodes = (void(tanh(x)), graph.num_nodes());
  expect_error(Code::kInvalidArgument, "is called inside a RecomputeScope", [&] { gradients(reduce_sum(x), {x}); });
  EXPECT_EQ(graph.num_nodes(), nodes + 1) << "reduce_sum(x) alone";
  EXPECT_TRUE(gradients(reduce_sum(y * y), {y})[0].valid());
}

double halved(double v) { return v / 2; }

TEST(Recompute, AMissingRuleInAScopeIsAnErrorWithThePath) {
  register_test_op("RecomputeTestOp", {"x"}, unary_test_kernel<halved>);
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {2}, "x");
  Output h;
  {
    const RecomputeScope recompute(graph);
    h = tanh(add_op("RecomputeTestOp", {x}, {}, "odd"));
  }
  expect_error(Code::kUnimplemented,
               "op RecomputeTestOp has no gradient, which the path from y to x needs: Tanh -> odd -> x",
               [&] { gradients(h, {x}); });
}

// The index is no part of the gradient; it is made once, since nothing that it leads to is read by a rule.
TEST(Recompute, OpsWithoutDerivativeEndThePath) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {2, 3}, "x");
  Output h;
  {
    const RecomputeScope recompute(graph);
    const Output t = tanh(x);
    h = t * cast(reshape(argmax(t, 1), {2, 1}), DType::kFloat32);
  }
  const Output gradient = gradients(reduce_sum(h), {x})[0];
  Session session(graph, {.device = "cpu:0", .num_threads = 1});
  const Tensor value = session.run({{x, Tensor::from<float>({2, 3}, {0, 1, 0, 0, 0, 1})}}, gradient);
  EXPECT_EQ(value.at({0, 0}), 1.0);  // 1 * (1 - tanh(0)^2)
  EXPECT_EQ(value.at({1, 0}), 2.0);
}

}  // namespace
}  // namespace gradus
