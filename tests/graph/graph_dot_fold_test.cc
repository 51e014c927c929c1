// Pictures of training graphs that a person can read: folded scopes, gradients beside their layers, updates in one box, parts.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "gradus/exchange/graph_dot.h"
#include "gradus/graph/graph_roles.h"
#include "gradus/graph/scopes.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/losses.h"
#include "gradus/nn/metrics.h"
#include "gradus/nn/models.h"
#include "gradus/nn/moving_average.h"
#include "gradus/nn/optimizers.h"
#include "gradus/nn/schedules.h"
#include "gradus/nn/variables.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

struct Training {
  Graph graph;
  Output images, logits, loss;
  Operation train;
  explicit Training(const std::string& model, const nn::Optimizer& optimizer = nn::adam()) {
    images = placeholder(graph, DType::kFloat32, model == "resnet20" ? Shape{-1, 32, 32, 3} : Shape{-1, 28, 28, 1},
                         "images");
    const Output labels = placeholder(graph, DType::kInt32, {-1}, "labels");
    logits = nn::model_by_name(model)(images, {});
    loss = nn::sparse_softmax_loss(labels, logits);
    train = optimizer.minimize(loss);
  }
};

// The text of a picture, taken apart.
struct Picture {
  std::string text;
  std::multiset<std::string> forward, gradients, updates;  // labels, lines joined by '|'
  std::multiset<std::string> outside;                      // grey names
  std::multiset<std::string> edges;                        // "a -> b" by first label lines

  explicit Picture(std::string dot) : text(std::move(dot)) {
    std::map<std::string, std::string> name_of;
    std::multiset<std::string>* cluster = &forward;
    std::istringstream lines(text);
    const std::regex box("    (n[0-9]+) \\[label=\"(.*?)\", (.*)\\];"), edge("  (n[0-9]+) -> (n[0-9]+) \\[(.*)\\];");
    for (std::string line; std::getline(lines, line);) {
      if (line.find("subgraph cluster_0") != std::string::npos) cluster = &forward;
      if (line.find("subgraph cluster_1") != std::string::npos) cluster = &gradients;
      if (line.find("subgraph cluster_updates") != std::string::npos) cluster = &updates;
      std::smatch found;
      if (std::regex_match(line, found, box)) {
        const std::string label = std::regex_replace(found[2].str(), std::regex("\\\\n"), "|");
        EXPECT_TRUE(name_of.emplace(found[1], label.substr(0, label.find('|'))).second) << line;
        (found[3].str().find("fontcolor=\"#888888\"") != std::string::npos ? outside : *cluster).insert(label);
      } else if (std::regex_match(line, found, edge)) {
        EXPECT_TRUE(name_of.contains(found[1]) && name_of.contains(found[2])) << "no such box: " << line;
        std::string from = name_of[found[1]], to = name_of[found[2]];
        if (found[3].str().find("dir=back") != std::string::npos) std::swap(from, to);
        if (found[3].str().find("dashed") == std::string::npos) edges.insert(from + " -> " + to);
      }
    }
  }
  std::size_t boxes() const { return forward.size() + gradients.size() + updates.size(); }
};

Picture picture(const Graph& graph, const DotOptions& options = {}) { return Picture(to_dot(graph, options)); }

using Labels = std::multiset<std::string>;

TEST(GraphDotFold, ATrainingGraphIsOneBoxPerLayerWithItsGradientsBesideItAndOneBoxOfUpdates) {
  const Training lenet("lenet5");
  const Picture p = picture(lenet.graph);
  // 5*5*1*6 + 6, 5*5*6*16 + 16, 400*120 + 120, 120*84 + 84, 84*10 + 10 parameters
  EXPECT_EQ(
      p.forward,
      (Labels{"images|Placeholder|float32 [?,28,28,1]", "labels|Placeholder|int32 [?]",
              "lenet5/conv1|Conv2D, BiasAdd|float32 [?,28,28,6]|156 parameters", "lenet5/Relu|float32 [?,28,28,6]",
              "lenet5/pool1|MaxPool|float32 [?,14,14,6]",
              "lenet5/conv2|Conv2D, BiasAdd|float32 [?,10,10,16]|2,416 parameters",
              "lenet5/Relu_1|float32 [?,10,10,16]", "lenet5/pool2|MaxPool|float32 [?,5,5,16]",
              "lenet5/flatten|Reshape|float32 [?,400]", "lenet5/fc1|MatMul, BiasAdd|float32 [?,120]|48,120 parameters",
              "lenet5/Relu_2|float32 [?,120]", "lenet5/fc2|MatMul, BiasAdd|float32 [?,84]|10,164 parameters",
              "lenet5/Relu_3|float32 [?,84]", "lenet5/logits|MatMul, BiasAdd|float32 [?,10]|850 parameters",
              "softmax_loss/cross_entropy|SparseSoftmaxCrossEntropyWithLogits|float32 [?]",
              "softmax_loss/mean|Mean|float32 []"}))
      << p.text;
  EXPECT_EQ(p.gradients.size(), 14u) << "all but the placeholders have gradients\n" << p.text;
  EXPECT_TRUE(p.gradients.contains("lenet5/conv2|BiasAddGrad, Conv2DBackpropInput,|Conv2DBackpropFilter")) << p.text;
  // 10 variables, each with two slots and a counter, and global_step
  EXPECT_EQ(p.updates, Labels{"updates|11 AssignAdd, 10 ApplyAdam|31 variables"}) << p.text;
  EXPECT_EQ(p.text.find("RandomUniform"), std::string::npos) << "initial values are left out";
  EXPECT_TRUE(p.edges.contains("lenet5/conv1 -> lenet5/Relu")) << p.text;
  EXPECT_EQ(p.edges.count("lenet5/Relu -> lenet5/conv1"), 1u) << "the gradients, backwards\n" << p.text;
  EXPECT_EQ(p.edges.count("lenet5/conv1 -> updates"), 1u) << "one edge for the whole cluster\n" << p.text;
  EXPECT_NE(p.text.find("ltail=cluster_1"), std::string::npos) << p.text;
}

TEST(GraphDotFold, GradientsOfAMediumGraphAreABoxPerNode) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 3}, "x"),
               y = placeholder(graph, DType::kFloat32, {-1, 1}, "y");
  nn::sgd().minimize(nn::mean_squared_error(y, nn::dense(x, {.units = 1}, "line")));
  const Picture p = picture(graph);
  EXPECT_EQ(p.forward.size(), 8u) << p.text;
  EXPECT_TRUE(p.forward.contains("line/kernel|Variable|float32 [3,1]")) << p.text;
  EXPECT_EQ(p.gradients, (Labels{"line/matmul|MatMul", "line/bias_add|BiasAddGrad",
                                 "mean_squared_error/squared_difference|Sub, 2 Mul, SumToShape",
                                 "mean_squared_error/mean|Mul, 2 ExpandDims, BroadcastTo"}))
      << p.text;
  EXPECT_EQ(p.updates, Labels{"updates|2 ApplyGradientDescent,|AssignAdd|1 variable"}) << p.text;
}

TEST(GraphDotFold, PicturesOfAllModelsAreSmall) {
  for (const std::string& model : nn::model_names()) {
    const Training training(model);
    const Picture p = picture(training.graph);
    EXPECT_LE(p.boxes(), 40u) << model;
    EXPECT_GE(p.forward.size(), 14u) << model;
    EXPECT_LE(p.edges.size(), 45u) << model;
    EXPECT_EQ(p.updates.size(), 1u) << model;
  }
}

TEST(GraphDotFold, RepeatedBlocksAreABoxEach) {
  const Training resnet("resnet20");
  const Picture p = picture(resnet.graph);
  for (const char* box :
       {"resnet20/stem|Conv2D, FusedBatchNorm|float32 [?,32,32,16]|464 parameters",
        // 3*3*16*16 twice, and two numbers for each of 16 channels, twice
        "resnet20/stage1_block2|2 Conv2D, 2 FusedBatchNorm,|2 Relu, Add|float32 [?,32,32,16]|4,672 parameters",
        // 3*3*16*32 + 3*3*32*32 + 1*1*16*32 + 3 * 2 * 32
        "resnet20/stage2_block1|3 Conv2D, 3 FusedBatchNorm,|2 Relu, Add|float32 [?,16,16,32]|14,528 parameters"})
    EXPECT_EQ(p.forward.count(box), 1u) << box << "\n" << p.text;
  // Depth 1: the model and its loss.
  const Picture one = picture(resnet.graph, {.depth = 1});
  EXPECT_EQ(one.forward.size(), 4u) << one.text;
  EXPECT_TRUE(one.forward.contains("softmax_loss|SparseSoftmaxCrossEntropyWithLogits,|Mean|float32 []")) << one.text;
  EXPECT_EQ(one.gradients.size(), 2u) << one.text;
}

TEST(GraphDotFold, UnfoldDrawsOneScopeByItsNodes) {
  const Training resnet("resnet20");
  const Picture p = picture(resnet.graph, {.depth = 2, .unfold = {"resnet20/stage2_block1"}});
  EXPECT_EQ(p.forward.count("resnet20/stage2_block1/shortcut/conv/conv|Conv2D|float32 [?,16,16,32]"), 1u) << p.text;
  EXPECT_EQ(p.gradients.count("resnet20/stage2_block1/a/conv/conv|Conv2DBackpropInput,|Conv2DBackpropFilter"), 1u)
      << p.text;
  EXPECT_TRUE(p.edges.contains("resnet20/stage1_block3 -> resnet20/stage2_block1/shortcut/conv/conv")) << p.text;
  EXPECT_EQ(picture(resnet.graph, {.depth = 2, .unfold = {"resnet20/stage2_block1/"}}).text, p.text);
  expect_error(Code::kNotFound, "no name scope 'resnet20/stage2_blck1'; did you mean resnet20/stage2_block1",
               [&] { to_dot(resnet.graph, {.unfold = {"resnet20/stage2_blck1"}}); });
}

// Weights that two builds of a model share are no data that flow from one to the other.
TEST(GraphDotFold, SharedWeightsAreDashed) {
  Training lenet("lenet5");
  const nn::ReuseVariables reuse(lenet.graph);
  nn::lenet5(lenet.images, {.training = false});
  const std::string text =
      to_dot(lenet.graph, {.depth = 2, .gradients = DotPart::kHidden, .updates = DotPart::kHidden});
  const Picture p(text);
  EXPECT_FALSE(p.edges.contains("lenet5/conv1 -> lenet5_1/conv1")) << text;
  const std::regex dashed("style=dashed, label=\"weights\"");
  EXPECT_EQ(std::distance(std::sregex_iterator(text.begin(), text.end(), dashed), std::sregex_iterator()), 5) << text;
}

TEST(GraphDotFold, GradientsAndUpdatesAreFoldedOrLeftOut) {
  const Training lenet("lenet5");
  const Picture folded = picture(lenet.graph, {.depth = 2, .gradients = DotPart::kFolded});
  EXPECT_EQ(folded.forward.size(), 16u);
  EXPECT_EQ(folded.gradients.size(), 1u) << folded.text;
  EXPECT_TRUE(folded.gradients.begin()->find("2 Conv2DBackpropFilter") != std::string::npos) << folded.text;
  EXPECT_EQ(folded.edges.count("softmax_loss/mean -> gradients"), 1u) << folded.text;
  EXPECT_EQ(folded.edges.count("gradients -> updates"), 1u) << folded.text;
  EXPECT_EQ(folded.edges.size(), 17u) << "15 forward\n" << folded.text;

  const Picture forward =
      picture(lenet.graph, {.depth = 2, .gradients = DotPart::kHidden, .updates = DotPart::kHidden});
  EXPECT_EQ(forward.forward.size(), 16u) << forward.text;
  EXPECT_EQ(forward.boxes(), 16u) << forward.text;
  EXPECT_EQ(forward.edges.size(), 15u) << forward.text;

  const Picture all =
      picture(lenet.graph, {.depth = DotOptions::kEveryNode, .updates = DotPart::kDrawn, .initial_values = true});
  EXPECT_EQ(all.boxes(), static_cast<std::size_t>(lenet.graph.num_nodes()));
}

TEST(GraphDotFold, AScopeIsDrawnWithTheNamesOfWhatItUses) {
  const Training lenet("lenet5");
  for (const char* scope : {"lenet5/conv2", "lenet5/conv2/"}) {
    const Picture p = picture(lenet.graph, {.scope = scope});
    EXPECT_EQ(
        p.forward,
        (Labels{"lenet5/conv2/kernel|Variable|float32 [5,5,6,16]", "lenet5/conv2/bias|Variable|float32 [16]",
                "lenet5/conv2/conv|Conv2D|float32 [?,10,10,16]", "lenet5/conv2/bias_add|BiasAdd|float32 [?,10,10,16]"}))
        << p.text;
    EXPECT_EQ(p.outside, (Labels{"lenet5/pool1", "gradients/lenet5/Relu_1/ReluGrad"})) << p.text;
    EXPECT_TRUE(p.edges.contains("lenet5/pool1 -> lenet5/conv2/conv")) << p.text;
  }
  expect_error(Code::kNotFound, "no name scope 'lenet5/conv'; did you mean lenet5/conv1",
               [&] { to_dot(lenet.graph, {.scope = "lenet5/conv"}); });
}

TEST(GraphDotFold, ThePathsBetweenNodesAreDrawnWithTheirVariables) {
  const Training lenet("lenet5");
  const Picture p = picture(lenet.graph, {.from = {lenet.graph.find_output("lenet5/pool2")}, .to = {lenet.logits}});
  EXPECT_EQ(p.forward.size(), 17u) << "10 nodes from pool2 to the logits, the new shape, 6 variables\n" << p.text;
  EXPECT_TRUE(p.forward.contains("lenet5/fc1/kernel|Variable|float32 [400,120]")) << p.text;
  EXPECT_TRUE(p.gradients.empty() && p.updates.empty()) << p.text;
  EXPECT_EQ(p.outside, Labels{"lenet5/Relu_1"}) << p.text;
  // Without `from`: all that the output needs.
  const Picture needed = picture(lenet.graph, {.depth = 2, .to = {lenet.logits}});
  EXPECT_EQ(needed.boxes(), 13u) << needed.text;
  // Without `to`: all that depends on it.
  const Picture reached = picture(lenet.graph, {.depth = 2, .from = {lenet.loss}});
  EXPECT_EQ(reached.forward, Labels{"softmax_loss/mean|Mean|float32 []"}) << reached.text;
}

TEST(GraphDotFold, MistakesAreNamed) {
  const Training lenet("lenet5");
  Graph other;
  const Output x = placeholder(other, DType::kFloat32, {}, "x");
  expect_error(Code::kInvalidArgument, "depth must be at least 1, or kAutomatic or kEveryNode; got 0",
               [&] { to_dot(lenet.graph, {.depth = 0}); });
  expect_error(Code::kInvalidArgument, "max_boxes must be at least 1; got 0",
               [&] { to_dot(lenet.graph, {.max_boxes = 0}); });
  expect_error(Code::kInvalidArgument, "'x' in `from` belongs to another graph",
               [&] { to_dot(lenet.graph, {.from = {x}}); });
  expect_error(Code::kInvalidArgument, "an output in `to` refers to nothing",
               [&] { to_dot(lenet.graph, {.to = {Output()}}); });
}

NodeRole role_of(const Graph& graph, const std::string& name) {
  const Node* node = graph.find_node(name);
  if (node == nullptr) throw not_found("no node " + name);
  return node_roles(graph)[static_cast<std::size_t>(node->id())];
}

TEST(NodeRoles, TellModelInitialValuesGradientsAndUpdatesApart) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 4}, "x");
  const Output y = nn::batch_norm(nn::dense(x, {.units = 3}, "fc"), {.training = true}, "bn");
  const Output loss = reduce_sum(y * y, {}, false, "loss");
  const Output rate = nn::cosine_decay(nn::global_step(graph), 0.1, 100);
  const Operation train = nn::momentum({.learning_rate = rate, .clipping = {.by_global_norm = 1.0}}).minimize(loss);
  nn::ExponentialMovingAverage(graph, 0.9).update(train);
  const std::vector<NodeRole> roles = node_roles(graph);
  for (const char* forward : {"x", "fc/kernel", "fc/matmul", "bn/gamma", "bn/batch_norm", "loss"})
    EXPECT_EQ(role_of(graph, forward), NodeRole::kForward) << forward;
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    const NodeRole role = roles[static_cast<std::size_t>(id)];
    const std::string& name = node.name();
    if (name.starts_with("gradients/")) {
      EXPECT_EQ(role, NodeRole::kGradient) << name;
    }
    if (name.starts_with("fc/kernel_init/")) {
      EXPECT_EQ(role, NodeRole::kInitialValue) << name;
    }
    for (const char* update :
         {"clipping/", "cosine_decay/", "momentum/", "moving_average/", "bn/moving", "bn/update", "global_step"}) {
      if (name.starts_with(update)) {
        EXPECT_EQ(role, NodeRole::kUpdate) << name;
      }
    }
    if (name.ends_with("/average")) {
      EXPECT_EQ(role, NodeRole::kUpdate) << name;
    }
  }
}

// A counter that is all that uses the model does not make the model a part of the counter.
TEST(NodeRoles, AModelBehindAMetricIsForward) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 4}, "x");
  const Output w = variable(graph, Tensor::full(DType::kFloat32, {4, 2}, 1.0), "w");
  const Output total = variable(graph, Tensor::scalar<float>(0), "total", false);
  assign_add(total, reduce_sum(x, {}, false, "sum") * reduce_sum(w, {}, false, "weights"), "count");
  EXPECT_EQ(role_of(graph, "w"), NodeRole::kForward);
  EXPECT_EQ(role_of(graph, "sum"), NodeRole::kForward);
  EXPECT_EQ(role_of(graph, "weights"), NodeRole::kForward);
  EXPECT_EQ(role_of(graph, "total"), NodeRole::kUpdate);
  EXPECT_EQ(role_of(graph, "count"), NodeRole::kUpdate);
}

}  // namespace
}  // namespace gradus
