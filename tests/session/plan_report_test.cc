// Session::report(), the plan as data, and observers, who see every step's results.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <stdexcept>

#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

struct Chain {
  Graph graph;
  Output x, v, y;
  Chain() {
    x = placeholder(graph, DType::kFloat64, {2}, "x");
    v = variable(graph, vec({10, 20}), "v");
    y = reshape(tanh(x + v, "act"), {1, 2}, "row");
  }
};

TEST(PlanReport, TellsEveryStepWithItsPlaceInTheProgram) {
  Chain c;
  Session session(c.graph, {.device = "ref:0", .optimize = false});
  const PlanReport report = session.report({{c.x, vec({1, 2})}}, {c.y});
  std::map<std::string, PlanReport::Step> steps;
  for (const PlanReport::Step& step : report.steps) steps[step.name] = step;
  ASSERT_TRUE(steps.contains("Add") && steps.contains("act") && steps.contains("row"));
  EXPECT_EQ(steps["act"].op, "Tanh");
  EXPECT_EQ(steps["act"].file, "plan_report_test.cc");
  EXPECT_GT(steps["act"].line, 0);
  EXPECT_EQ(steps["act"].device, "ref:0");
  EXPECT_EQ(steps["act"].inputs, std::vector<std::string>{"Add"});
  EXPECT_EQ(steps["Add"].inputs, (std::vector<std::string>{"x", "v"}));
  EXPECT_EQ(steps["act"].role, NodeRole::kForward);
  EXPECT_EQ(steps["act"].bytes(), 16u);
  ASSERT_EQ(report.sources.size(), 3u);  // x, v, and the shape of row
  EXPECT_EQ(report.sources[0].name, "x");
  EXPECT_EQ(report.sources[0].kind, PlanReport::Source::Kind::kFed);
}

// What explain prints is what report returns.
TEST(PlanReport, LiesWithinTheArenaAndAgreesWithExplain) {
  Graph graph;
  const Output images = placeholder(graph, DType::kFloat32, {2, 28, 28, 1}, "images");
  const Output labels = placeholder(graph, DType::kInt32, {2}, "labels");
  const Output loss = nn::sparse_softmax_loss(labels, nn::lenet5(images));
  const Operation train = nn::adam().minimize(loss);
  const Feeds feeds = {{images, random_normal_tensor(DType::kFloat32, {2, 28, 28, 1}, 1)},
                       {labels, Tensor::from<std::int32_t>({3, 7})}};
  Session session(graph, {.device = "cpu:0", .num_threads = 1, .profile = true});
  for (int i = 0; i < 3; ++i) session.run(feeds, loss, {train});
  const PlanReport report = session.report(feeds, {loss}, {train});
  const std::string text = session.explain(feeds, {loss}, {train}, {.top = 0});
  ASSERT_EQ(report.memory.at(0).device, "cpu:0");
  std::set<NodeRole> roles;
  for (const PlanReport::Step& step : report.steps) {
    EXPECT_NE(text.find(step.name), std::string::npos) << step.name;
    roles.insert(step.role);
    for (const PlanReport::Value& result : step.results) {
      if (result.offset >= 0) {
        EXPECT_LE(static_cast<std::size_t>(result.offset) + result.bytes, report.memory[0].arena) << step.name;
      }
    }
  }
  EXPECT_EQ(roles, (std::set<NodeRole>{NodeRole::kForward, NodeRole::kGradient, NodeRole::kUpdate}));
  EXPECT_EQ(report.runs, 3u);
  EXPECT_TRUE(report.profiled);
  EXPECT_GT(report.total_ms(), 0);
}

TEST(Observer, SeesTheResultsOfEveryStepInOrder) {
  Chain c;
  std::vector<std::string> names;
  std::map<std::string, Tensor> seen;
  const auto see = [&](const ObservedStep& step) {
    names.push_back(step.node.name());
    seen[step.node.name()] = step.results.at(0).clone();
  };
  Session session(c.graph, {.device = "ref:0", .observer = see, .optimize = false});
  const Feeds feeds = {{c.x, vec({1, -30})}};
  const Tensor y = session.run(feeds, c.y);
  EXPECT_EQ(names, (std::vector<std::string>{"Add", "act", "row"}));
  EXPECT_EQ(seen.at("Add").at(1), -10.0);
  EXPECT_TRUE(bit_equal(seen.at("row"), y));
  EXPECT_EQ(seen.at("row").shape(), Shape({1, 2}));
}

TEST(Observer, SeesAnOptimisedPlansStepsAndAssignments) {
  Chain c;
  const Output next = assign_add(c.v, constant(c.graph, vec({1, 1})), "next");
  int steps = 0;
  Session session(c.graph, {.device = "cpu:0", .observer = [&](const ObservedStep& step) {
                              ++steps;
                              if (step.node.name() == "next") {
                                EXPECT_EQ(step.results.at(0).at(0), 11.0);
                              }
                            }});
  session.run({{c.x, vec({1, 2})}}, {c.y, next});
  EXPECT_GE(steps, 3);
}

TEST(Observer, WhatItThrowsEndsTheRunAndTheSessionGoesOn) {
  Chain c;
  bool refuse = true;
  Session session(c.graph, {.device = "cpu:0", .observer = [&](const ObservedStep& step) {
                              if (refuse && step.node.name() == "act") throw std::runtime_error("seen enough");
                            }});
  EXPECT_THROW(session.run({{c.x, vec({1, 2})}}, c.y), std::runtime_error);
  refuse = false;
  EXPECT_EQ(session.run({{c.x, vec({1, 2})}}, c.y).shape(), Shape({1, 2}));
}

// It would wait for itself for ever.
TEST(Observer, CannotUseItsSessionButAnother) {
  Chain c;
  Session other(c.graph);
  Session* self = nullptr;
  int refused = 0;
  Session session(c.graph,
                  {.device = "cpu:0", .observer = [&](const ObservedStep&) {
                     const std::string text = "the session is used from inside of its own run";
                     expect_error(Code::kInvalidArgument, text, [&] { self->run({{c.x, vec({1, 2})}}, c.y); });
                     expect_error(Code::kInvalidArgument, text, [&] { self->state(); });
                     expect_error(Code::kInvalidArgument, text, [&] { self->explain(c.y, {{c.x, vec({1, 2})}}); });
                     expect_error(Code::kInvalidArgument, text, [&] { (void)self->run_number(); });
                     EXPECT_EQ(other.run({{c.x, vec({1, 2})}}, c.y).shape(), Shape({1, 2}));
                     ++refused;
                   }});
  self = &session;
  session.run({{c.x, vec({1, 2})}}, c.y);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(session.run_number(), 1u);
}

}  // namespace
}  // namespace gradus
