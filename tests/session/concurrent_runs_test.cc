// SessionOptions::concurrent_runs: inference from several threads on shared weights, with training in between.
#include <gradus/gradus.h>
#include <gradus/nn/models.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/support/expect_error.h"
#include "tests/support/test_ops.h"

namespace gradus {
namespace {

// An op whose kernel returns once two calls of it have met, or after five seconds. Its result: how many met.
std::mutex meeting_mutex;
std::condition_variable meeting_changed;
int present = 0, met = 0;

void meet_kernel(KernelContext& c) {
  std::unique_lock lock(meeting_mutex);
  met = std::max(met, ++present);
  meeting_changed.notify_all();
  meeting_changed.wait_for(lock, std::chrono::seconds(5), [] { return met == 2; });
  --present;
  c.output(0).fill(met);
}

double run_two_at_once(int concurrent_runs) {
  if (op_registry().find("Meet") == nullptr) register_test_op("Meet", {"x"}, meet_kernel);
  met = 0;
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {1}, "x");
  const Output y = graph.add("Meet", {x}, {}, "meet");
  Session session(graph, {.num_threads = 1, .concurrent_runs = concurrent_runs});
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] { session.run({{x, Tensor::zeros(DType::kFloat64, {1})}}, {y}); });
  for (std::thread& thread : threads) thread.join();
  return met;
}

TEST(ConcurrentRuns, TwoCallsMeetWhereTheyMay) { EXPECT_EQ(run_two_at_once(2), 2.0); }

// Two calls at the same time, of which the first, whose plan is older, ends first; then five by the plan of the other.
TEST(ConcurrentRuns, TheReportIsOfThePlanThatHasRunMostOften) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {1}, "x");
  const Output y = negate(x, "y");
  const Feeds feeds = {{x, Tensor::zeros(DType::kFloat32, {1})}};
  std::mutex mutex;
  std::condition_variable changed;
  int begun = 0;
  bool first_has_ended = false;
  const auto wait = [&](const ObservedStep&) {
    std::unique_lock lock(mutex);
    const int call = begun++;
    changed.notify_all();
    if (call == 0) changed.wait_for(lock, std::chrono::seconds(5), [&] { return begun == 2; });
    if (call == 1) changed.wait_for(lock, std::chrono::seconds(5), [&] { return first_has_ended; });
  };
  Session session(graph, {.num_threads = 1, .concurrent_runs = 2, .observer = wait});
  std::thread first([&] { session.run(feeds, {y}); });
  {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(5), [&] { return begun == 1; });
  }
  std::thread second([&] { session.run(feeds, {y}); });
  first.join();
  {
    const std::lock_guard lock(mutex);
    first_has_ended = true;
  }
  changed.notify_all();
  second.join();
  for (int i = 0; i < 5; ++i) session.run(feeds, {y});
  EXPECT_EQ(session.num_plans(), 2u);
  EXPECT_EQ(session.report(feeds, {y}).runs, 6u);
}

TEST(ConcurrentRuns, GiveTheSameBitsAsOneCallAfterTheOther) {
  Graph graph;
  const Output images = placeholder(graph, DType::kFloat32, {-1, 28, 28, 1}, "images");
  const Output logits = nn::model_by_name("lenet5")(images, {.training = false});
  Session serial(graph, {.seed = 3, .num_threads = 1});
  Session session(graph, {.seed = 3, .num_threads = 2, .concurrent_runs = 3});
  std::vector<Tensor> inputs, expected;
  for (std::int64_t i = 0; i < 4; ++i) {
    inputs.push_back(random_uniform_tensor(DType::kFloat32, {i % 2 + 1, 28, 28, 1}, static_cast<std::uint64_t>(i)));
    expected.push_back(serial.run({{images, inputs.back()}}, {logits})[0]);
  }
  std::atomic<int> different{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {  // one more than may run at once
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 40; ++i) {
        const std::size_t k = (i + static_cast<std::size_t>(t)) % inputs.size();
        if (!bit_equal(session.run({{images, inputs[k]}}, {logits})[0], expected[k])) ++different;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(different, 0);
  EXPECT_LE(session.num_plans(), 3 * 2) << "two shapes for each of at most three concurrent calls";
}

TEST(ConcurrentRuns, SeeAssignmentsAsAWhole) {
  Graph graph;
  std::vector<Operation> updates;
  std::vector<Output> variables;
  for (int i = 0; i < 20; ++i) {
    variables.push_back(variable(graph, Tensor::scalar(0.0)));
    updates.push_back(assign_add(variables.back(), scalar(graph, 1.0, DType::kFloat64)));
  }
  const Operation all = group(updates);
  Session session(graph, {.num_threads = 1, .concurrent_runs = 3});
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      while (!stop) {
        const std::vector<Tensor> values = session.run(variables);
        for (const Tensor& value : values)
          if (value.item<double>() != values[0].item<double>()) ++torn;
      }
    });
  }
  for (int i = 0; i < 300; ++i) session.run({}, {}, {all});
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(session.value(variables[0]).item<double>(), 300.0);
  EXPECT_GE(session.run_number(), 300u);
}

TEST(ConcurrentRuns, RunNumbersAreEachGivenOnceAndFailedRunsDoNotCount) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {1}, "x");
  const Output y = check_numerics(x) + random_uniform(graph, {1});
  Session session(graph, {.num_threads = 1, .concurrent_runs = 2});
  std::mutex mutex;
  std::vector<float> drawn;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const float value = session.run({{x, Tensor::zeros(DType::kFloat32, {1})}}, {y})[0].item<float>();
        const std::lock_guard lock(mutex);
        drawn.push_back(value);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(session.run_number(), 100u);
  expect_error(Code::kInvalidArgument, "CheckNumerics", [&] {
    session.run({{x, Tensor::full(DType::kFloat32, {1}, NAN)}}, {y});
  });
  EXPECT_EQ(session.run_number(), 100u);
  std::sort(drawn.begin(), drawn.end());
  session.set_run_number(0);
  std::vector<float> serial;
  for (int i = 0; i < 100; ++i)
    serial.push_back(session.run({{x, Tensor::zeros(DType::kFloat32, {1})}}, {y})[0].item<float>());
  std::sort(serial.begin(), serial.end());
  EXPECT_EQ(drawn, serial) << "each number was drawn with once";
}

TEST(ConcurrentRuns, MustBeAtLeastOne) {
  Graph graph;
  expect_error(Code::kInvalidArgument, "concurrent_runs must be 1 to 1024; got 0",
               [&] { Session session(graph, {.concurrent_runs = 0}); });
}

}  // namespace
}  // namespace gradus
