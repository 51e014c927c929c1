// Chains of more than two nodes, with operands from elsewhere and further results, on a device that has kernels for them: the bits of
// plans that fuse nothing, and nothing is fused that somebody can see or that would wait for itself.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/expect_error.h"
#include "tests/support/fused_kernels.h"

namespace gradus {
namespace {

// "conv bias act" for every step of several nodes.
std::vector<std::string> fused_groups(const PlanReport& report) {
  std::vector<std::string> groups;
  for (const PlanReport::Step& step : report.steps) {
    if (step.nodes.size() < 2) continue;
    std::string names;
    for (const PlanReport::Part& part : step.nodes) names += (names.empty() ? "" : " ") + part.name;
    groups.push_back(names);
  }
  std::sort(groups.begin(), groups.end());
  return groups;
}

Tensor doubles(const std::vector<double>& values) { return Tensor::from(values); }

using Groups = std::vector<std::string>;

class FusedChains : public testing::Test {
 protected:
  FusedChains() { register_fusing_device(); }

  // Runs twice as a plan that fuses `groups`, and as one that fuses nothing; both must agree in every bit.
  void expect_fused(const Groups& groups, const Feeds& feeds, const std::vector<Output>& fetches,
                    const std::vector<Operation>& targets = {}) {
    Session fused(graph, {.device = "fusing:0"}), plain(graph, {.device = "fusing:0", .optimize = false});
    EXPECT_EQ(fused_groups(fused.report(feeds, fetches, targets)), groups)
        << fused.explain(feeds, fetches, targets, {.top = 0});
    EXPECT_EQ(fused_groups(plain.report(feeds, fetches, targets)), Groups());
    for (int run = 0; run < 2; ++run) {
      const auto got = fused.run(feeds, fetches, targets), expected = plain.run(feeds, fetches, targets);
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(bit_equal(got[i], expected[i])) << "fetch " << i;
    }
    const auto got = fused.state(), expected = plain.state();
    for (const auto& [name, value] : expected) EXPECT_TRUE(bit_equal(got.at(name), value)) << name;
  }

  Tensor random(const Shape& shape, std::uint64_t seed) { return random_normal_tensor(DType::kFloat32, shape, seed); }
  Output random_constant(const Shape& shape, std::uint64_t seed, const char* name = "") {
    return variable(graph, random(shape, seed), name);
  }

  Graph graph;
};

TEST_F(FusedChains, EveryNodeHasItsAttributesAndOperands) {
  const Output x = placeholder(graph, DType::kFloat32, {-1, -1, -1, 4}, "x");
  const Output filter = random_constant({3, 2, 2, 6}, 1), bias = random_constant({6}, 2);
  const Conv2DAttrs attrs{.strides = {1, 2, 1, 1}, .padding = Padding::kSame, .dilations = {1, 1, 2, 1}};
  const Output conv = conv2d(x, filter, attrs, "conv");
  const Output y = relu(bias_add(conv, bias, {}, "bias"), "act");
  const Output dx = gradients(reduce_sum(y * y), {x}).at(0);
  const Feeds feeds = {{x, random({2, 7, 5, 4}, 3)}};
  expect_fused({"conv bias act"}, feeds, {y, dx});
  Session session(graph, {.device = "fusing:0"});
  const PlanReport report = session.report(feeds, {y});
  const auto step =
      std::find_if(report.steps.begin(), report.steps.end(), [](const auto& s) { return s.name == "act"; });
  ASSERT_NE(step, report.steps.end());
  EXPECT_EQ(step->op, "Conv2D+BiasAdd+Relu");
  EXPECT_EQ(step->inputs, (std::vector<std::string>{"x", filter.name(), bias.name()}));
  EXPECT_EQ(step->nodes.at(1).op, "BiasAdd");
  EXPECT_EQ(step->nodes.at(1).file, "fused_chains_test.cc");
  EXPECT_EQ(step->nodes.at(1).line, step->line);
  const std::string text = session.explain(y, feeds);
  for (const char* part : {"Conv2D+BiasAdd+Relu", "| fused with: 'conv', 'bias'", "fused into 'act'"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
}

TEST_F(FusedChains, MayShareAnOperand) {
  const Output x = placeholder(graph, DType::kFloat32, {2, 5, 5, 3}, "x");
  const Output filter = random_constant({3, 3, 3, 3}, 1), bias = random_constant({3}, 2);
  const Output a = relu(bias_add(conv2d(x, filter, {}, "conv_a"), bias, {}, "bias_a"), "act_a");
  const Output b = relu(bias_add(conv2d(x, filter, {.strides = {1, 2, 2, 1}}, "conv_b"), bias, {}, "bias_b"), "act_b");
  expect_fused({"conv_a bias_a act_a", "conv_b bias_b act_b"}, {{x, random({2, 5, 5, 3}, 3)}}, {a, b});
}

struct Block {
  BatchNormOutputs norm;
  Output sum, y;
};

class FusedBlocks : public FusedChains {
 protected:
  Output x = placeholder(graph, DType::kFloat32, {-1, 3, 4, 5}, "x");
  Output other = placeholder(graph, DType::kFloat32, {-1, 3, 4, 5}, "other");
  Output scale = random_constant({5}, 1, "scale"), offset = random_constant({5}, 2, "offset");

  Feeds feeds() { return {{x, random({2, 3, 4, 5}, 3)}, {other, random({2, 3, 4, 5}, 4)}}; }
  // relu(batch_norm(x) + added), or with the operands the other way round.
  Block block(const Output& added, bool swapped = false, const std::string& suffix = "") {
    Block b;
    b.norm = fused_batch_norm(x, scale, offset, {.epsilon = swapped ? 1e-3 : 1e-2}, "norm" + suffix);
    b.sum = swapped ? add(added, b.norm.y, "sum" + suffix) : add(b.norm.y, added, "sum" + suffix);
    b.y = relu(b.sum, "act" + suffix);
    return b;
  }
};

TEST_F(FusedBlocks, TakeWhatIsPassedOnAsEitherOperand) {
  const Block a = block(other, false, "_a"), b = block(other * 2.0f, true, "_b");
  expect_fused({"norm_a sum_a act_a", "norm_b sum_b act_b"}, feeds(), {a.y, b.y});
}

TEST_F(FusedBlocks, KeepFurtherResultsForTheGradientAndForMovingAverages) {
  for (const bool swapped : {false, true}) {
    const Block b = block(other, swapped);
    const std::string suffix = swapped ? "_1" : "";
    const std::vector<Output> dx = gradients(reduce_sum(b.y * b.y), {x, other, scale, offset});
    const Output moving = variable(graph, Tensor::zeros(DType::kFloat32, {5}));
    const Output moved = assign_sub(moving, (moving - b.norm.batch_mean) * 0.1f);
    expect_fused({"norm" + suffix + " sum" + suffix + " act" + suffix}, feeds(), {b.y, dx[0], dx[1], dx[2], dx[3]},
                 {moved});
  }
}

TEST_F(FusedBlocks, JoinTwoBranches) {
  const BatchNormOutputs left = fused_batch_norm(x, scale, offset, {}, "left");
  const BatchNormOutputs right = fused_batch_norm(other, scale, offset, {}, "right");
  const Output y = relu(add(left.y, right.y, "sum"), "act");
  expect_fused({"left sum act"}, feeds(), {y, gradients(reduce_sum(y * y), {other}).at(0)});
}

TEST_F(FusedBlocks, AreLeftAloneWhereSomebodyCanSee) {
  const Block b = block(other);
  const Groups all = {"norm sum act"};
  expect_fused(all, feeds(), {b.y});
  expect_fused({}, feeds(), {b.y, b.norm.saved_mean});          // a further result is fetched
  expect_fused({}, feeds(), {b.y, b.norm.y});                   // so is what is passed on
  expect_fused({}, feeds(), {b.y, b.sum});                      //
  expect_fused({}, feeds(), {b.y, square(b.sum)});              // used twice
  expect_fused({}, feeds(), {b.y}, {b.sum});                    // a target
  expect_fused({}, feeds(), {b.y, relu(b.norm.y + b.norm.y)});  // used twice by one
}

TEST_F(FusedBlocks, AreLeftAloneAcrossControlDependenciesAndDevices) {
  const Output counter = variable(graph, Tensor::scalar(0.0f), "counter");
  const Output counted = assign_add(counter, scalar(graph, 1.0, DType::kFloat32));
  const Output normal = fused_batch_norm(x, scale, offset).y;
  Output late, elsewhere;
  {
    const ControlScope after(graph, {counted});
    late = relu(normal + other);  // the add waits
  }
  expect_fused({}, feeds(), {late});
  const Output waited_for = fused_batch_norm(other, scale, offset).y;
  Output then;
  {
    const ControlScope after(graph, {waited_for});
    then = identity(x);
  }
  expect_fused({}, feeds(), {relu(waited_for + x), then});
  const Output here = fused_batch_norm(x, offset, scale).y;
  {
    const DeviceScope there(graph, "ref:0");
    elsewhere = relu(here + other);
  }
  expect_fused({}, feeds(), {elsewhere});
}

// The add needs the norm's mean as well, by another way: as one step they would wait for themselves.
TEST_F(FusedBlocks, NeverWaitForThemselves) {
  const BatchNormOutputs norm = fused_batch_norm(x, scale, offset, {}, "norm");
  expect_fused({}, feeds(), {relu(norm.y + (other + norm.batch_mean))});
  const Output direct = placeholder(graph, DType::kFloat32, {5, 5}, "direct");
  const BatchNormOutputs rows = fused_batch_norm(direct, scale, offset, {}, "rows");
  expect_fused({}, {{direct, random({5, 5}, 9)}}, {relu(rows.y + rows.batch_mean)});
}

// Either may be fused, both together would wait for each other.
TEST_F(FusedBlocks, NeverWaitForEachOther) {
  const BatchNormOutputs a = fused_batch_norm(x, scale, offset, {}, "a");
  const BatchNormOutputs b = fused_batch_norm(other, scale, offset, {}, "b");
  const Output y = relu(add(a.y, x + b.batch_mean, "a_sum"), "a_act");
  const Output z = relu(add(b.y, x + a.batch_mean, "b_sum"), "b_act");
  expect_fused({"a a_sum a_act"}, feeds(), {y, z});
}

TEST_F(FusedChains, OfOverlappingOnesThatOfMostNodesIsTaken) {
  const auto input = [&](const char* name) { return placeholder(graph, DType::kFloat64, {3}, name); };
  const Output x = input("x"), y = input("y");
  // Add+Neg, Add+Sub+Neg, Sub+Add and Neg+Relu are registered.
  const Output sum = add(x, y, "sum"), difference = subtract(y, sum, "difference"),
               negative = negate(difference, "negative");
  const Output z = relu(negative, "positive");
  const Output w = add(subtract(x, y, "sub"), y, "add");
  const Feeds feeds = {{x, doubles({1, -2, 3})}, {y, doubles({-4, 5, 7})}};
  expect_fused({"sub add", "sum difference negative"}, feeds, {z, w});
  const Output alone = relu(negate(x, "minus"), "plus");
  expect_fused({"minus plus"}, feeds, {alone});
}

// What is passed on must be the first operand, unless the chain says that it may be any.
TEST_F(FusedChains, RespectTheOrderOfOperands) {
  const auto input = [&](const char* name) { return placeholder(graph, DType::kFloat64, {3}, name); };
  const Output x = input("x"), y = input("y");
  const Feeds feeds = {{x, doubles({1, -2, 3})}, {y, doubles({-4, 5, 7})}};
  expect_fused({"sub add"}, feeds, {add(y, subtract(x, y, "sub"), "add")});
  expect_fused({}, feeds, {subtract(y, subtract(x, y))});
  expect_fused({"inner outer"}, feeds, {add(x, subtract(x, x, "inner"), "outer")});
}

// A fused kernel may write over the first node's operand only where no other node reads it.
TEST_F(FusedChains, WriteOverNothingThatTheyStillRead) {
  const Output x = placeholder(graph, DType::kFloat64, {3}, "x");
  const Output doubled = multiply(x, x, "doubled");
  const Feeds feeds = {{x, doubles({1, -2, 3})}};
  const auto place_of = [&](const Output& y) {
    Session session(graph, {.device = "fusing:0"});
    return session.report(feeds, {y}).steps.back().results.at(0).place;
  };
  const Output own = negate(add(doubled, x, "sum"), "own"),
               shared = negate(subtract(add(doubled, x), doubled), "shared");
  EXPECT_NE(place_of(own).find("in memory of 'doubled'"), std::string::npos) << place_of(own);
  EXPECT_EQ(place_of(shared).find("in memory of"), std::string::npos) << place_of(shared);
  expect_fused({"sum own"}, feeds, {own});
}

TEST_F(FusedChains, ErrorsNameTheNodeThatIsToBlame) {
  const Output x = placeholder(graph, DType::kFloat32, {2, 4, 5, 5}, "x");
  const Conv2DAttrs attrs{.data_format = DataFormat::kNCHW};
  const Output conv = conv2d(x, random_constant({3, 3, 4, 6}, 1), attrs, "conv");
  const int line = __LINE__ + 1;
  const Output sum = bias_add(conv, random_constant({6}, 2), {.data_format = DataFormat::kNCHW}, "bias");
  const Output y = relu(sum, "act");
  Session session(graph, {.device = "fusing:0"});
  const std::string place = "[BiasAdd 'bias' at fused_chains_test.cc:" + std::to_string(line) + "] the test's kernel";
  try {
    session.run({{x, random({2, 4, 5, 5}, 1)}}, y);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_TRUE(std::string_view(error.what()).starts_with(place)) << error.what();
  }
}

TEST_F(FusedChains, AnObserverSeesTheNodesOfAStep) {
  const Output x = placeholder(graph, DType::kFloat64, {3}, "x");
  const Output y = negate(add(x, x * 2.0, "sum"), "y");
  std::vector<std::string> seen;
  Session session(graph, {.device = "fusing:0", .observer = [&](const ObservedStep& step) {
                            for (const Node* node : step.nodes) seen.push_back(node->name());
                          }});
  EXPECT_EQ(session.run({{x, doubles({1, 2, 3})}}, y).at(2), -9.0);
  EXPECT_EQ(seen, (std::vector<std::string>{"Mul", "sum", "y"}));
}

}  // namespace
}  // namespace gradus
