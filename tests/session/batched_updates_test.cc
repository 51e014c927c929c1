// Many updates as one step, on a device that has kernels for them: the bits of plans that run them one by one, and none are joined that
// need each other.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/expect_error.h"
#include "tests/support/fused_kernels.h"

namespace gradus {
namespace {

class BatchedUpdates : public testing::Test {
 protected:
  BatchedUpdates() { register_fusing_device(); }

  // The numbers of nodes of the steps that have several.
  static std::vector<std::size_t> batches(const PlanReport& report) {
    std::vector<std::size_t> sizes;
    for (const PlanReport::Step& step : report.steps) {
      if (step.nodes.size() > 1) sizes.push_back(step.nodes.size());
    }
    std::sort(sizes.begin(), sizes.end());
    return sizes;
  }

  // Runs three times as a plan with `sizes` batches, and as one without; both must agree in every bit, of the fetches and of what the
  // variables hold. A plan with batches copies no more than the other.
  void expect_batches(const std::vector<std::size_t>& sizes, const std::vector<Operation>& targets,
                      const std::vector<Output>& fetches = {}, const Feeds& feeds = {}) {
    Session batched(graph, {.device = "fusing:0"}), plain(graph, {.device = "fusing:0", .optimize = false});
    const PlanReport report = batched.report(feeds, fetches, targets), other = plain.report(feeds, fetches, targets);
    EXPECT_EQ(batches(report), sizes) << batched.explain(feeds, fetches, targets, {.top = 0});
    EXPECT_EQ(batches(other), std::vector<std::size_t>());
    const auto copies = [](const PlanReport& r) {
      return std::count_if(r.steps.begin(), r.steps.end(), [](const auto& step) { return step.copy; });
    };
    EXPECT_LE(copies(report), copies(other));
    for (int run = 0; run < 3; ++run) {
      const auto got = batched.run(feeds, fetches, targets), expected = plain.run(feeds, fetches, targets);
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(bit_equal(got[i], expected[i])) << "fetch " << i;
      const auto state = batched.state(), expected_state = plain.state();
      for (const auto& [name, value] : expected_state) EXPECT_TRUE(bit_equal(state.at(name), value)) << name;
    }
  }

  Output new_variable(std::uint64_t seed, std::int64_t size = 3) {
    return variable(graph, random_normal_tensor(DType::kFloat64, {size}, seed));
  }
  Output descend(const Output& v, const Output& gradient) { return apply_gradient_descent(v, rate, gradient); }

  Graph graph;
  Output rate = scalar(graph, 0.125, DType::kFloat64);
};

TEST_F(BatchedUpdates, OfAModelAreOneStep) {
  const Output images = placeholder(graph, DType::kFloat32, {-1, 12, 12, 1}, "images");
  const Output labels = placeholder(graph, DType::kInt32, {-1}, "labels");
  const Output h = nn::flatten(relu(nn::conv2d(images, {.filters = 3, .kernel = 5})));
  const Output loss = nn::sparse_softmax_loss(labels, nn::dense(h, {.units = 10}));
  const Feeds feeds = {{images, random_normal_tensor(DType::kFloat32, {2, 12, 12, 1}, 1)},
                       {labels, Tensor::from<std::int32_t>({3, 7})}};
  const Operation momentum = nn::momentum({.learning_rate = 0.1, .momentum = 0.9}).minimize(loss);
  expect_batches({3, 4}, {momentum}, {loss}, feeds);  // Conv2D+BiasAdd+Relu; two filters and two biases
  Session session(graph, {.device = "fusing:0"});
  const PlanReport report = session.report(feeds, {loss}, {momentum});
  const auto step =
      std::find_if(report.steps.begin(), report.steps.end(), [](const auto& s) { return s.nodes.size() == 4; });
  ASSERT_NE(step, report.steps.end());
  EXPECT_EQ(step->op, "ApplyMomentum");
  EXPECT_EQ(step->results.size(), 4u);
  EXPECT_EQ(step->inputs.size(), 20u);
  for (const PlanReport::Value& result : step->results)
    EXPECT_NE(result.place.find("in variable '"), std::string::npos);
  const std::string text = session.explain(feeds, {loss}, {momentum});
  EXPECT_NE(text.find("| fused with: '" + step->nodes[0].name + "', '" + step->nodes[1].name + "', '"),
            std::string::npos)
      << text;
}

TEST_F(BatchedUpdates, OfAdamCountTheirSteps) {
  std::vector<Output> variables;
  Output loss = scalar(graph, 0.0, DType::kFloat64);
  for (std::uint64_t i = 0; i < 5; ++i) {
    variables.push_back(new_variable(i, static_cast<std::int64_t>(i) + 1));
    loss = loss + reduce_sum(square(variables.back()));
  }
  expect_batches({5}, {nn::adam().minimize(loss)}, {loss});
}

TEST_F(BatchedUpdates, NeedEqualAttributesAndVariablesOfTheirOwn) {
  const auto momentum = [&](std::uint64_t seed, bool nesterov) {
    const Output v = new_variable(seed), slot = new_variable(seed + 100);
    return apply_momentum(v, slot, rate, v * 2.0, rate, {.use_nesterov = nesterov});
  };
  expect_batches({2, 3},
                 {momentum(1, true), momentum(2, false), momentum(3, true), momentum(4, false), momentum(5, true)});
  // Two updates of one variable come one after the other.
  const Output v = new_variable(10), w = new_variable(11), u = new_variable(12);
  const Output first = descend(v, w), second = descend(v, w * 2.0);
  expect_batches({2}, {first, second, descend(u, u * 2.0), descend(w, w * 3.0)}, {v, u});
  // A slot that two share.
  const Output a = new_variable(20), b = new_variable(21), slot = new_variable(22);
  expect_batches({}, {apply_momentum(a, slot, rate, rate * a, rate), apply_momentum(b, slot, rate, rate * b, rate)});
}

// The results are the new values, a fetched variable is the old one.
TEST_F(BatchedUpdates, GiveTheirResultsAndLeaveOldValuesToFetches) {
  const Output v = new_variable(1), w = new_variable(2);
  const Output new_v = descend(v, w * 2.0), new_w = descend(w, w * 3.0);
  expect_batches({2}, {}, {new_v, new_w, new_v + new_w, v * 1.0});
  Session session(graph, {.device = "fusing:0"});
  const auto before = session.values({v, w});
  const auto got = session.run({v, new_v, w, new_w});
  EXPECT_TRUE(bit_equal(got[0], before[0]));
  EXPECT_TRUE(bit_equal(got[2], before[1]));
  EXPECT_TRUE(bit_equal(got[1], session.value(v)));
  EXPECT_TRUE(bit_equal(got[3], session.value(w)));
}

// The gradient of one is a function of the variable that another updates.
TEST_F(BatchedUpdates, ReadOldValuesBeforeAllOfThem) {
  const Output v = new_variable(1), w = new_variable(2);
  expect_batches({2}, {descend(v, w * 2.0), descend(w, v * 3.0)});
}

// As above, but the update itself reads the other's variable: the first must be carried out first, or the value be copied.
TEST_F(BatchedUpdates, AreApartWhereOneReadsWhatAnotherOverwrites) {
  const Output v = new_variable(1), w = new_variable(2), u = new_variable(3);
  expect_batches({}, {descend(v, w), descend(w, w * 3.0)});
  expect_batches({}, {descend(v, u), descend(u, v)});
  expect_batches({}, {descend(v, v), descend(u, u)});
}

TEST_F(BatchedUpdates, AreApartWhereOneNeedsAnother) {
  const Output v = new_variable(1), w = new_variable(2), x = new_variable(3), y = new_variable(4);
  const Output new_v = descend(v, v * 2.0);
  expect_batches({}, {descend(w, new_v * 2.0)});  // by its result
  Output late_x, late_y;
  {
    const ControlScope after(graph, {new_v});
    late_x = descend(x, rate * x);  // by a control dependency
    late_y = descend(y, v * 2.0);   // by the new value of the variable
  }
  expect_batches({2}, {late_x, late_y});
  expect_batches({2}, {late_x, late_y, new_v}, {v * 1.0});
}

// Whoever waits for one of them waits for all.
TEST_F(BatchedUpdates, AreWaitedFor) {
  const Output v = new_variable(1), w = new_variable(2);
  const Output new_v = descend(v, v * 2.0), new_w = descend(w, w * 2.0);
  Output read;
  {
    const ControlScope after(graph, {new_v});
    read = v * 1.0;
  }
  expect_batches({2}, {new_w}, {read});
  expect_batches({2}, {group({new_v, new_w})}, {read});
}

// Two of one kind and two of another, each of which needs one of the other kind: joined, they would wait for each other.
TEST_F(BatchedUpdates, OfTwoKindsNeverWaitForEachOther) {
  std::vector<Output> v;
  for (std::uint64_t i = 0; i < 6; ++i) v.push_back(new_variable(i));
  const Output a = descend(v[0], v[0] * 2.0);
  const Output b = apply_momentum(v[1], v[2], rate, a * 2.0, rate);
  const Output c = apply_momentum(v[3], v[4], rate, v[3] * 2.0, rate);
  const Output d = descend(v[5], c * 2.0);
  expect_batches({}, {b, d});
}

// A reader of the old value that needs another's update: the old value is copied, as it is without batches.
TEST_F(BatchedUpdates, LetLateReadersHaveTheOldValue) {
  const Output v = new_variable(1), w = new_variable(2);
  const Output new_v = descend(v, v * 2.0), new_w = descend(w, w * 2.0);
  expect_batches({}, {new_w}, {new_v + w});
}

TEST_F(BatchedUpdates, ErrorsNameTheNodeThatIsToBlame) {
  std::vector<Operation> updates;
  int line = 0;
  for (std::uint64_t i = 0; i < 3; ++i) {
    const Output v = new_variable(i), m = new_variable(i + 10), n = new_variable(i + 20);
    const Output step = constant(graph, Tensor::scalar<std::int64_t>(i == 1 ? 0 : 1));
    line = __LINE__ + 1;
    updates.push_back(apply_adam(v, m, n, rate, v * 2.0, step, {}, "adam" + std::to_string(i)));
  }
  Session session(graph, {.device = "fusing:0"});
  expect_error(Code::kInvalidArgument,
               "[ApplyAdam 'adam1' at batched_updates_test.cc:" + std::to_string(line) + "] step counts from 1",
               [&] { session.run({}, {}, updates); });
}

}  // namespace
}  // namespace gradus
