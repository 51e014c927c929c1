// Variables have values, not aliases: what was read or assigned keeps its value, whatever the run assigns later; and what a node
// waits for happens, also where the node is a constant or a variable.
#include <gradus/gradus.h>
#include <gradus/nn/models.h>
#include <gradus/nn/optimizers.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

// Runs on both backends, as planned and as written.
void expect_values(const Graph& graph, const std::vector<Output>& fetches,
                   const std::vector<std::vector<double>>& expected) {
  for (const char* device : {"cpu:0", "ref:0"}) {
    for (const bool optimize : {true, false}) {
      Session session(graph, {.device = device, .num_threads = 1, .optimize = optimize});
      const std::vector<Tensor> values = session.run(fetches);
      for (std::size_t i = 0; i < values.size(); ++i) {
        for (std::size_t k = 0; k < expected[i].size(); ++k) {
          EXPECT_EQ(values[i].at(static_cast<std::int64_t>(k)), expected[i][k])
              << device << (optimize ? "" : " not") << " optimised, fetch " << i << ", element " << k;
        }
      }
    }
  }
}

struct TwoAssignments {
  Graph graph;
  Output v = variable(graph, vec({1, 2}), "v");
  Output a = assign_add(v, constant(graph, vec({1, 1})), "a");
  Output b = assign_add(v, constant(graph, vec({10, 10})), "b");
};

TEST(VariableValues, AnAssignmentsResultIsTheValueItMade) {
  TwoAssignments t;
  expect_values(t.graph, {t.a, t.b}, {{2, 3}, {12, 13}});
}

TEST(VariableValues, ASumOfAVariableAndItsAssignmentReadsTheOldValue) {
  TwoAssignments t;
  expect_values(t.graph, {t.v + t.a}, {{3, 5}});
}

TEST(VariableValues, ASumOfTwoAssignmentsAddsBothValues) {
  TwoAssignments t;
  expect_values(t.graph, {t.a + t.b, t.b - t.a, t.v}, {{14, 16}, {10, 10}, {1, 2}});
}

TEST(VariableValues, AViewOfAnAssignmentsResultThatIsReadLaterKeepsIt) {
  TwoAssignments t;
  Output late;
  {
    const ControlScope after(t.graph, {t.b});
    late = identity(t.a);
  }
  expect_values(t.graph, {late, reshape(t.a, {2, 1}), reshape(t.v, {2, 1})}, {{2, 3}, {2, 3}, {1, 2}});
}

TEST(VariableValues, AReadSeesTheLastAssignmentThatItWaitsFor) {
  TwoAssignments t;
  const Output doubled = t.a * 2.0;
  Output after_a, after_doubled, after_b, by_data;
  {
    const ControlScope after(t.graph, {t.a});
    after_a = identity(t.v);
  }
  {
    const ControlScope after(t.graph, {doubled});
    after_doubled = identity(t.v);
  }
  {
    const ControlScope after(t.graph, {t.b});
    after_b = identity(t.v);
  }
  by_data = after_b + t.v;  // what comes by data brings no newer value of v
  expect_values(t.graph, {after_a, after_doubled, after_b, by_data}, {{2, 3}, {2, 3}, {12, 13}, {13, 15}});
}

TEST(VariableValues, AReadThatOnlyAnUnneededAssignmentWouldChangeSeesTheOldValue) {
  TwoAssignments t;
  expect_values(t.graph, {t.b, t.b + t.v}, {{11, 12}, {12, 14}});  // a does not run
}

TEST(VariableValues, SlotsAreVersionedAsTheirVariableIs) {
  Graph graph;
  const Output w = variable(graph, vec({1}), "w");
  const Output slot = variable(graph, vec({4}), "slot");
  const Output rate = scalar(graph, 1.0, DType::kFloat64);
  const Output update = apply_momentum(w, slot, rate, slot, scalar(graph, 0.5, DType::kFloat64));  // slot = 0.5*4 + 4
  Output new_slot, old_slot = identity(slot);
  {
    const ControlScope after(graph, {update});
    new_slot = slot * 1.0;
  }
  const Output again = apply_momentum(w, slot, rate, update, scalar(graph, 0.0, DType::kFloat64));  // slot = -5
  Output newest;
  {
    const ControlScope after(graph, {again});
    newest = identity(slot);
  }
  expect_values(graph, {update, old_slot, new_slot, again, newest, slot}, {{-5}, {4}, {6}, {0}, {-5}, {4}});
}

TEST(VariableValues, SwappingTwoVariablesNeedsNoControl) {
  Graph graph;
  const Output v = variable(graph, vec({1}), "v");
  const Output w = variable(graph, vec({2}), "w");
  const Output to_v = assign(v, w);
  const Output to_w = assign(w, v);
  expect_values(graph, {to_v, to_w, v, w}, {{2}, {1}, {1}, {2}});
}

TEST(VariableValues, NothingIsCopiedWhereReadersCanComeFirst) {
  Graph graph;
  const Output v = variable(graph, vec({1, 2}), "v");
  const Output sum = reduce_sum(square(v)) + reduce_sum(reshape(v, {2, 1}));
  const Output train = assign_sub(v, gradients(sum, {v}).at(0));
  Session session(graph);
  EXPECT_EQ(session.run({}, {sum}, {train})[0].item<double>(), 8.0);
  const std::string text = session.explain({}, {sum}, {train});
  EXPECT_EQ(text.find("Copy"), std::string::npos) << text;
}

TEST(VariableValues, TrainingStepsOfTheBuiltInModelsCopyNothing) {
  for (const char* name : {"lenet5", "resnet20"}) {
    Graph graph;
    const Shape image = name == std::string("lenet5") ? Shape{2, 28, 28, 1} : Shape{2, 32, 32, 3};
    const Output images = placeholder(graph, DType::kFloat32, image, "images");
    const Output labels = placeholder(graph, DType::kInt32, {2}, "labels");
    const Output logits = nn::model_by_name(name)(images, {});
    const Output loss = reduce_mean(sparse_softmax_cross_entropy_with_logits(labels, logits));
    const Operation train = nn::adam({.learning_rate = 0.01}).minimize(loss);
    Session session(graph, {.num_threads = 1});
    const Feeds feeds = {{images, Tensor::zeros(DType::kFloat32, image)}, {labels, Tensor::zeros(DType::kInt32, {2})}};
    const std::string text = session.explain(feeds, {loss}, {train});
    EXPECT_NE(text.find("ApplyAdam"), std::string::npos);
    EXPECT_EQ(text.find("Copy"), std::string::npos) << text;
    EXPECT_EQ(text.find("kernel: Identity"), std::string::npos) << text;
    EXPECT_EQ(text.find("kernel: Reshape"), std::string::npos) << text;
  }
}

TEST(VariableValues, ExplainSaysWhyAVersionIsCopied) {
  TwoAssignments t;
  Session session(t.graph);
  const std::string text = session.explain(t.v + t.a);
  EXPECT_NE(text.find("kept for later readers, before 'a' changes it"), std::string::npos) << text;
}

TEST(VariableValues, AnOpCannotChangeOneVariableTwice) {
  Graph graph;
  const Output w = variable(graph, vec({1}), "w");
  const Output one = scalar(graph, 1.0, DType::kFloat64);
  expect_error(Code::kInvalidArgument, "operand 1 (accum) is the variable 'w', which this op changes already",
               [&] { (void)apply_momentum(w, w, one, one, one); });
}

// --- what nodes wait for ---

TEST(ControlDependencies, HoldForConstantsThatAreFetchedGroupedOrUsed) {
  for (const bool optimize : {true, false}) {
    Graph graph;
    const Output v = variable(graph, Tensor::scalar(0.0), "v");
    const Output count = assign_add(v, scalar(graph, 1.0, DType::kFloat64));
    Output seven;
    {
      const ControlScope after(graph, {count});
      seven = constant(graph, vec({7}));
    }
    const Operation all = group({seven});
    const Output used = reshape(exp(seven - 7.0), {1, 1}) + 0.5;
    const Output known = cast(shape(seven), DType::kFloat64) + 0.0;
    Session session(graph, {.optimize = optimize});
    session.run({seven});
    EXPECT_EQ(session.value(v).item<double>(), 1.0);
    session.run({}, {}, {all});
    EXPECT_EQ(session.value(v).item<double>(), 2.0);
    EXPECT_EQ(session.run({used})[0].at(0), 1.5);
    EXPECT_EQ(session.value(v).item<double>(), 3.0);
    session.run({known});
    EXPECT_EQ(session.value(v).item<double>(), 4.0) << "only its shape is used";
    session.run({{seven, vec({1})}}, {used}, {});
    EXPECT_EQ(session.value(v).item<double>(), 4.0) << "a fed constant waits for nothing";
  }
}

TEST(ControlDependencies, HoldForVariablesWhenTheyAreReadButNotForInitialValues) {
  for (const bool optimize : {true, false}) {
    Graph graph;
    const Output counter = variable(graph, Tensor::scalar(0.0), "counter");
    const Output count = assign_add(counter, scalar(graph, 1.0, DType::kFloat64));
    Output w;
    {
      const ControlScope after(graph, {count});
      w = variable(random_normal(graph, {3}), "w");
    }
    Session session(graph, {.optimize = optimize});
    session.value(w);
    EXPECT_EQ(session.value(counter).item<double>(), 0.0) << "an initial value is not part of a run";
    session.run({w * 2.0});
    EXPECT_EQ(session.value(counter).item<double>(), 1.0);
    session.run({w});
    EXPECT_EQ(session.value(counter).item<double>(), 2.0);
  }
}

TEST(ControlDependencies, AGuardBehindAConstantFires) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {1}, "x");
  const Output guard = check_numerics(x, "guard");
  Output one;
  {
    const ControlScope after(graph, {guard});
    one = scalar(graph, 1.0, DType::kFloat32);
  }
  for (const bool optimize : {true, false}) {
    Session session(graph, {.optimize = optimize});
    EXPECT_EQ(session.run({{x, Tensor::full(DType::kFloat32, {1}, 2.0)}}, {one})[0].at(0), 1.0);
    expect_error(Code::kInvalidArgument, "guard", [&] {
      session.run({{x, Tensor::full(DType::kFloat32, {1}, std::nan(""))}}, {one + one});
    });
  }
}

TEST(ControlDependencies, AFedNodeIsNotWaitedFor) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(1.0), "v");
  const Output p = placeholder(graph, DType::kFloat64, {}, "p");
  const Output q = p + 2.0;
  Output k;
  {
    const ControlScope after(graph, {q});
    k = identity(v);
  }
  Session session(graph);
  EXPECT_EQ(session.run({{q, Tensor::scalar(5.0)}}, {k})[0].item<double>(), 1.0);
}

}  // namespace
}  // namespace gradus
