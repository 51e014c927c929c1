// What a session promises: results, plans per signature, variables, errors. Memory and devices: plan_test.cc.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/values.h"

namespace gradus {
namespace {

double item(const Tensor& t) { return t.item<double>(); }

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.full_text();
  }
  return "no error";
}

TEST(Session, RunsWhatIsFetchedInTheOrderOfTheFetches) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1}, "x");
  const Output y = x * x;
  const Output z = y + 1.0;
  Session session(graph);
  const auto values = session.run({{x, vec({1, 2, 3})}}, {z, y, x});
  EXPECT_EQ(values[0].at(2), 10.0);
  EXPECT_EQ(values[1].at(2), 9.0);
  EXPECT_EQ(values[2].at(2), 3.0);
}

TEST(Session, ListsThatBeginWithALiteralZeroAreVectors) {
  Graph graph;
  const Output x = constant(graph, Tensor::from<double>({2, 3}, {1, 2, 3, 4, 5, 6}));
  Session session(graph);
  EXPECT_EQ(session.run({slice(x, {0, 0}, {1, 2})})[0].at(1), 2.0);
  EXPECT_EQ(session.run({slice(x, {0, 1}, {2, 1})})[0].at(1), 5.0);
}

TEST(Session, FetchedTensorsStayWhenTheSessionRunsAgain) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {1}, "x");
  const Output y = x + 1.0;
  Session session(graph);
  const Tensor first = session.run({{x, vec({1})}}, {y})[0];
  session.run({{x, vec({5})}}, {y});
  EXPECT_EQ(first.at(0), 2.0);
}

TEST(Session, ComputesNothingThatIsNotNeeded) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {}, "x");
  const Output never_fed = placeholder(graph, DType::kFloat64, {}, "never_fed");
  const Output y = x + 1.0;
  (void)(never_fed + y);
  Session session(graph);
  EXPECT_EQ(item(session.run({{x, Tensor::scalar(1.0)}}, {y})[0]), 2.0);
}

TEST(Session, AFeedReplacesAnInnerNodeAndPrunesWhatMadeIt) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {}, "x");
  const Output y = x + 1.0;
  const Output z = y * 2.0;
  Session session(graph);
  EXPECT_EQ(item(session.run({{y, Tensor::scalar(10.0)}}, {z})[0]), 20.0);
}

TEST(Session, KeepsOnePlanPerSignature) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1}, "x");
  const Output y = x * 2.0;
  Session session(graph);
  session.run({{x, vec({1})}}, {y});
  session.run({{x, vec({2})}}, {y});
  EXPECT_EQ(session.num_plans(), 1);
  session.run({{x, vec({1, 2})}}, {y});
  EXPECT_EQ(session.num_plans(), 2);
}

TEST(Session, AFedShapeDecidesTheResultsShapeAndAnotherValueMakesAnotherPlan) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {6}, "x");
  const Output target = placeholder(graph, DType::kInt32, {2}, "target");
  const Output y = reshape(x, target);
  EXPECT_EQ(y.shape(), (Shape{-1, -1}));
  Session session(graph);
  const Tensor x_value = vec({1, 2, 3, 4, 5, 6});
  EXPECT_EQ(session.run({{x, x_value}, {target, Tensor::from<std::int32_t>({2, 3})}}, {y})[0].shape(), (Shape{2, 3}));
  EXPECT_EQ(session.run({{x, x_value}, {target, Tensor::from<std::int32_t>({3, 2})}}, {y})[0].shape(), (Shape{3, 2}));
  EXPECT_EQ(session.run({{x, x_value}, {target, Tensor::from<std::int32_t>({2, 3})}}, {y})[0].shape(), (Shape{2, 3}));
  EXPECT_EQ(session.num_plans(), 2);
}

TEST(Session, AFedIntegerThatDecidesNoShapeMakesNoNewPlan) {
  Graph graph;
  const Output labels = placeholder(graph, DType::kInt32, {4}, "labels");
  const Output y = cast(labels, DType::kFloat64) * 2.0;
  Session session(graph);
  session.run({{labels, Tensor::from<std::int32_t>({1, 2, 3, 4})}}, {y});
  const auto values = session.run({{labels, Tensor::from<std::int32_t>({4, 3, 2, 1})}}, {y});
  EXPECT_EQ(values[0].at(0), 8.0);
  EXPECT_EQ(session.num_plans(), 1);
}

TEST(Session, SaysWhatIsWrongWithFeedsAndFetches) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1, 3}, "x");
  const Output y = x + 1.0;
  Session session(graph);
  EXPECT_NE(error_of([&] { session.run({y}); }).find("[Placeholder 'x' at session_test.cc:"), std::string::npos);
  EXPECT_NE(error_of([&] { session.run({y}); }).find("must be fed: float64 [?,3]"), std::string::npos);
  EXPECT_NE(error_of([&] {
              session.run({{x, Tensor::zeros(DType::kFloat64, {2, 4})}}, {y});
            }).find("cannot be fed with float64 [2,4]; it takes float64 [?,3]"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              session.run({{x, Tensor::zeros(DType::kFloat32, {2, 3})}}, {y});
            }).find("float32"),
            std::string::npos);
  const Tensor good = Tensor::zeros(DType::kFloat64, {2, 3});
  EXPECT_NE(error_of([&] { session.run({{x, good}, {x, good}}, {y}); }).find("fed twice"), std::string::npos);
  EXPECT_NE(error_of([&] { session.run({{x, Tensor()}}, {y}); }).find("has no value"), std::string::npos);
  Graph other;
  const Output foreign = constant(other, vec({1}));
  EXPECT_NE(error_of([&] { session.run({foreign}); }).find("another graph"), std::string::npos);
  EXPECT_NE(error_of([&] { session.run({Output()}); }).find("refers to nothing"), std::string::npos);
  EXPECT_EQ(item(session.run({}, {}, {}).empty() ? Tensor::scalar(1.0) : Tensor::scalar(0.0)), 1.0);
}

TEST(Session, RefusesDevicesThatAreNotThere) {
  Graph graph;
  EXPECT_NE(error_of([&] { Session s(graph, {.device = "tpu:0"}); }).find("NotFound: no backend for device 'tpu:0'"),
            std::string::npos);
  EXPECT_NE(error_of([&] { Session s(graph, {.device = "cpu:7"}); }).find("NotFound: no device 'cpu:7'"),
            std::string::npos);
  EXPECT_NE(error_of([&] { Session s(graph, {.device = "CPU 0"}); }).find("InvalidArgument: 'CPU 0' is not a device"),
            std::string::npos);
  EXPECT_NE(error_of([&] { Session s(graph, {.num_threads = -1}); }).find("InvalidArgument: num_threads"),
            std::string::npos);
}

TEST(Variables, StartAtTheirInitialValueAndKeepWhatIsAssigned) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(1.0), "v");
  const Output add = assign_add(v, scalar(graph, 2.0, DType::kFloat64));
  Session session(graph);
  EXPECT_EQ(item(session.run({v})[0]), 1.0);
  EXPECT_EQ(item(session.run({add})[0]), 3.0);
  EXPECT_EQ(item(session.run({v})[0]), 3.0);
  EXPECT_EQ(item(Session(graph).run({v})[0]), 1.0) << "another session has its own";
}

TEST(Variables, ReadsComeBeforeAssignmentsUnlessAControlDependencySaysOtherwise) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(1.0), "v");
  const Output before = v * 10.0;
  const Output add = assign_add(v, scalar(graph, 2.0, DType::kFloat64));
  Output after;
  {
    const ControlScope control(graph, {add});
    after = v * 100.0;
  }
  const Output built_later = v * 1000.0;
  Session session(graph);
  const auto values = session.run({after, before, built_later, v, add});
  EXPECT_EQ(item(values[0]), 300.0);
  EXPECT_EQ(item(values[1]), 10.0);
  EXPECT_EQ(item(values[2]), 1000.0);
  EXPECT_EQ(item(values[3]), 1.0);
  EXPECT_EQ(item(values[4]), 3.0);
}

TEST(Variables, AssignmentsHappenInTheOrderInWhichTheyWereBuilt) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(1.0), "v");
  const Output first = assign_add(v, scalar(graph, 1.0, DType::kFloat64));
  const Output second = assign(v, scalar(graph, 7.0, DType::kFloat64));
  const Output third = assign_sub(v, scalar(graph, 2.0, DType::kFloat64));
  Session session(graph);
  const auto values = session.run({third, second, first});
  EXPECT_EQ(item(values[0]), 5.0);
  EXPECT_EQ(item(values[1]), 7.0);
  EXPECT_EQ(item(values[2]), 2.0);
  EXPECT_EQ(item(session.value(v)), 5.0);
}

TEST(Variables, IntegersKeepAllTheirBitsAndWrap) {
  for (const char* device : {"cpu:0", "ref:0"}) {
    Graph graph;
    const std::int64_t large = (std::int64_t{1} << 60) + 1;
    const Output v = variable(graph, Tensor::scalar(large), "v");
    const Output w = variable(graph, Tensor::scalar(std::int32_t{INT32_MAX}), "w");
    const Output add = assign_add(v, constant(graph, Tensor::scalar(std::int64_t{1})));
    const Output wrap = assign_add(w, constant(graph, Tensor::scalar(std::int32_t{1})));
    Session session(graph, {.device = device});
    const auto values = session.run({add, wrap});
    EXPECT_EQ(values[0].item<std::int64_t>(), large + 1) << device;
    EXPECT_EQ(values[1].item<std::int32_t>(), INT32_MIN) << device;
  }
}

TEST(Variables, AViewOfAVariableKeepsTheOldValueAcrossAnAssignment) {
  Graph graph;
  const Output v = variable(graph, vec({1, 2}), "v");
  const Output view = reshape(v, {2, 1});
  Output add;
  {
    const ControlScope control(graph, {view});
    add = assign_add(v, constant(graph, vec({10, 10})));
  }
  Output late;
  {
    const ControlScope control(graph, {add});
    late = view * 1.0;
  }
  Session session(graph);
  EXPECT_EQ(session.run({}, {late}, {add})[0].at(0), 1.0);
}

TEST(Variables, InitialValuesMayDependOnOtherVariables) {
  Graph graph;
  const Output a = variable(graph, Tensor::scalar(2.0), "a");
  const Output b = variable(a * 3.0, "b");
  const Output c = variable(b + a, "c");
  Session session(graph);
  EXPECT_EQ(item(session.run({c})[0]), 8.0);
}

TEST(Variables, RandomInitialValuesDependOnTheSeedAndNothingElse) {
  Graph graph;
  const Output v = variable(random_normal(graph, {4}, {.dtype = DType::kFloat64}), "v");
  const Output unrelated = variable(graph, Tensor::scalar(1.0), "u");
  Session a(graph, {.seed = 5});
  Session b(graph, {.seed = 5, .num_threads = 1});
  Session c(graph, {.seed = 6});
  for (int i = 0; i < 3; ++i) b.run({unrelated});
  EXPECT_TRUE(bit_equal(a.value(v), b.value(v)));
  EXPECT_FALSE(bit_equal(a.value(v), c.value(v)));
}

TEST(Variables, StateTravelsBetweenSessionsAndBadStateChangesNothing) {
  Graph graph;
  const Output a = variable(graph, vec({1, 2}), "a");
  const Output b = variable(graph, Tensor::scalar(3.0), "b");
  const Output change = assign(a, constant(graph, vec({7, 8})));
  Session from(graph);
  from.run({change});
  const auto state = from.state();
  ASSERT_EQ(state.size(), 2u);
  Session to(graph);
  to.restore(state);
  EXPECT_EQ(to.value(a).at(1), 8.0);

  auto lacking = state;
  lacking.erase("b");
  lacking["a"] = vec({0, 0});
  EXPECT_NE(error_of([&] { to.restore(lacking); }).find("NotFound: the saved state lacks the variable 'b'"),
            std::string::npos);
  auto wrong = state;
  wrong["a"] = vec({0, 0});
  wrong["b"] = vec({1});
  EXPECT_NE(error_of([&] { to.restore(wrong); }).find("'b'"), std::string::npos);
  auto extra = state;
  extra["zzz"] = vec({1});
  EXPECT_NE(error_of([&] { to.restore(extra); }).find("'zzz'"), std::string::npos);
  EXPECT_EQ(to.value(a).at(1), 8.0);
  EXPECT_EQ(item(to.value(b)), 3.0);
  EXPECT_NE(error_of([&] { to.set_value(a, vec({1})); }).find("holds float64 [2]; got float64 [1]"), std::string::npos);
  EXPECT_NE(error_of([&] { to.value(change); }).find("is not a variable"), std::string::npos);
}

TEST(RandomOps, DifferFromRunToRunAndRepeatWithTheRunNumber) {
  Graph graph;
  const Output r = random_uniform(graph, {8}, {.dtype = DType::kFloat64});
  const Output other = random_uniform(graph, {8}, {.dtype = DType::kFloat64});
  Session session(graph, {.seed = 1});
  const auto first = session.run({r, other});
  EXPECT_FALSE(bit_equal(first[0], first[1])) << "equal random nodes are never shared";
  const auto second = session.run({r, other});
  EXPECT_FALSE(bit_equal(first[0], second[0]));
  session.set_run_number(0);
  EXPECT_TRUE(bit_equal(session.run({r, other})[0], first[0]));
}

TEST(CheckNumerics, NamesTheFirstNodeThatMakesANaNItsLineAndItsInputsRanges) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {3}, "x");
  const Output y = log(x, "bad_log");
  const Output z = y * 2.0;
  Session session(graph, {.check_numerics = true});
  const std::string text = error_of([&] { session.run({{x, vec({1, -2, 4})}}, {z}); });
  EXPECT_NE(text.find("[Log 'bad_log' at session_test.cc:"), std::string::npos) << text;
  EXPECT_NE(text.find("made a NaN at element 1"), std::string::npos) << text;
  EXPECT_NE(text.find("'x' float64 [3] in [-2, 4]"), std::string::npos) << text;
  EXPECT_EQ(error_of([&] { session.run({{x, vec({1, 2, 4})}}, {z}); }), "no error");
}

TEST(Profile, MeasuresEveryNodeAndWritesAChromeTrace) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {100}, "x");
  const Output y = exp(x, "e");
  Session session(graph, {.profile = true});
  const Feeds feeds = {{x, Tensor::zeros(DType::kFloat64, {100})}};
  session.run(feeds, {y});
  EXPECT_NE(session.explain(y, feeds).find(" ms"), std::string::npos);
  const std::string path = ::testing::TempDir() + "gradus_trace.json";
  session.write_trace(path);
  std::ifstream file(path);
  const nlohmann::json trace = nlohmann::json::parse(file);
  ASSERT_EQ(trace.at("traceEvents").size(), 2u);
  EXPECT_EQ(trace["traceEvents"][0]["args"]["name"], "cpu:0");
  EXPECT_EQ(trace["traceEvents"][1]["name"], "e");
  EXPECT_EQ(trace["traceEvents"][1]["ph"], "X");
  EXPECT_GE(trace["traceEvents"][1]["dur"].get<double>(), 0.0);
  std::remove(path.c_str());
  EXPECT_NE(error_of([&] { session.write_trace("/nonexistent/dir/t.json"); }).find("NotFound"), std::string::npos);
  EXPECT_NE(error_of([&] { Session(graph).write_trace(path); }).find("profile"), std::string::npos);
}

TEST(Errors, AFailingKernelNamesItsNode) {
  Graph graph;
  const Output x = placeholder(graph, DType::kInt32, {2}, "x");
  const Output table = constant(graph, vec({1, 2, 3}));
  const Output y = gather(table, x, {}, "lookup");
  Session session(graph);
  const std::string text = error_of([&] { session.run({{x, Tensor::from<std::int32_t>({0, 9})}}, {y}); });
  EXPECT_NE(text.find("OutOfRange: ["), std::string::npos) << text;
  EXPECT_NE(text.find("'lookup' at session_test.cc:"), std::string::npos) << text;
  EXPECT_EQ(session.run({{x, Tensor::from<std::int32_t>({0, 2})}}, {y})[0].at(1), 3.0) << "the session goes on";
}

TEST(Errors, AShapeThatDependsOnComputedValuesIsExplained) {
  Graph graph;
  const Output v = variable(graph, Tensor::from<std::int32_t>({2, 3}), "v", false);
  const Output y = reshape(constant(graph, vec({1, 2, 3, 4, 5, 6})), v);
  Session session(graph);
  EXPECT_NE(error_of([&] { session.run({y}); }).find("only known while the graph runs"), std::string::npos);
}

}  // namespace
}  // namespace gradus
