// session.run of one output, of one operation, and of lists: which gives what.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <type_traits>

#include "tests/support/expect_error.h"

namespace gradus {
namespace {

class RunOne : public testing::Test {
 protected:
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {}, "x"), y = constant(graph, 2.0), z = x * y;
  const Output v = variable(graph, Tensor::scalar(1.0), "v");
  const Operation count = group({assign_add(v, constant(graph, 1.0))});
  const Feeds feeds = {{x, Tensor::scalar(4.0)}};
};

TEST_F(RunOne, OneOutputGivesOneTensor) {
  Session session(graph);
  static_assert(std::is_same_v<decltype(session.run(y)), Tensor>);
  EXPECT_EQ(session.run(y).item<double>(), 2.0);
  EXPECT_EQ(session.run(feeds, z).item<double>(), 8.0);
  EXPECT_EQ(session.run({{x, Tensor::scalar(5.0)}}, z).item<double>(), 10.0);
  EXPECT_EQ(session.run({}, v, {count}).item<double>(), 1.0);  // the read comes before the assignment
  EXPECT_EQ(session.run(Output(v)).item<double>(), 2.0);
}

TEST_F(RunOne, BracesGiveAListEvenOfOne) {
  Session session(graph);
  static_assert(std::is_same_v<decltype(session.run({y})), std::vector<Tensor>>);
  static_assert(std::is_same_v<decltype(session.run(feeds, {z})), std::vector<Tensor>>);
  EXPECT_EQ(session.run({y}).size(), 1u);
  EXPECT_EQ(session.run({y, v}).size(), 2u);
  EXPECT_EQ(session.run(feeds, {z}).at(0).item<double>(), 8.0);
  EXPECT_EQ(session.run({}, {y}, {count}).size(), 1u);
  EXPECT_EQ(session.run(std::vector<Output>{y, y, v}).size(), 3u);
}

TEST_F(RunOne, OneOperationRunsForItsEffect) {
  Session session(graph);
  static_assert(std::is_same_v<decltype(session.run(count)), void>);
  session.run(count);
  session.run(feeds, count);
  session.run({}, {}, {count});
  EXPECT_EQ(session.value(v).item<double>(), 4.0);
}

TEST_F(RunOne, OneCallIsOneRun) {
  Session session(graph);
  session.run(y);
  EXPECT_EQ(session.run_number(), 1u);
  session.run({y});
  EXPECT_EQ(session.num_plans(), 1);
  expect_error(Code::kInvalidArgument, "refers to nothing", [&] { session.run(Output()); });
  expect_error(Code::kInvalidArgument, "must be fed", [&] { session.run(z); });
}

}  // namespace
}  // namespace gradus
