// Several training operations on one graph: which moving averages each moves, and which steps each counts.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expect_error.h"

namespace gradus::nn {
namespace {

// A generator and a critic, each with batch norm, and their losses: what a GAN is made of.
struct Gan {
  Graph graph;
  Output noise = placeholder(graph, DType::kFloat32, {-1, 3}, "noise");
  Output real = placeholder(graph, DType::kFloat32, {-1, 2}, "real");
  Output fake, on_real, on_fake, critic_loss, generator_loss;
  std::vector<Output> generator_vars, critic_vars;

  Gan() {
    {
      const NameScope scope(graph, "generator");
      fake = dense(relu(batch_norm(dense(noise, {.units = 4}))), {.units = 2}, "image");
    }
    generator_vars = graph.collection(kTrainableVariables);
    const auto critic = [&](const Output& image) {
      const NameScope scope(graph, "critic");
      return dense(relu(batch_norm(dense(image, {.units = 4}))), {.units = 1}, "score");
    };
    on_real = critic(real);
    for (const Output& v : graph.collection(kTrainableVariables)) {
      if (std::find(generator_vars.begin(), generator_vars.end(), v) == generator_vars.end()) critic_vars.push_back(v);
    }
    const ReuseVariables reuse(graph);
    on_fake = critic(fake);
    critic_loss = reduce_mean(on_fake) - reduce_mean(on_real);
    generator_loss = -reduce_mean(on_fake);
  }

  Feeds feeds() const {
    return {{noise, random_normal_tensor(DType::kFloat32, {8, 3}, 1)},
            {real, random_normal_tensor(DType::kFloat32, {8, 2}, 2)}};
  }
};

// Which averages a run of `train` moves: "generator", "critic", or both.
std::string moved_by(Gan& gan, const Operation& train, const Feeds& feeds) {
  Session session(gan.graph, {.seed = 1});
  const auto before = session.state();
  session.run(feeds, {}, {train});
  std::string moved;
  for (const char* network : {"generator", "critic"}) {
    const std::string mean = std::string(network) + "/batch_norm/moving_mean";
    if (!bit_equal(before.at(mean), session.state().at(mean)))
      moved += (moved.empty() ? "" : "+") + std::string(network);
  }
  return moved;
}

TEST(TrainingOperations, EachNetworkOfAGanMovesItsOwnAverages) {
  Gan gan;
  EXPECT_EQ(moved_by(gan, adam().minimize(gan.critic_loss, gan.critic_vars), gan.feeds()), "critic");
  EXPECT_EQ(moved_by(gan, adam().minimize(gan.generator_loss, gan.generator_vars), gan.feeds()), "generator");
  EXPECT_EQ(moved_by(gan, sgd().minimize(gan.critic_loss), gan.feeds()), "generator+critic") << "all are trained";
}

// The critic's mean moves by both of its batches, real and generated: two updates of one variable.
TEST(TrainingOperations, TheCriticSeesRealAndGeneratedImages) {
  Gan gan;
  const Output mean = gan.graph.find_output("critic/batch_norm/moving_mean");
  std::vector<Output> batch_means;
  for (int i = 0; i < gan.graph.num_nodes(); ++i) {
    const Node& node = gan.graph.node(i);
    if (node.op() == "FusedBatchNorm" && node.name().starts_with("critic"))
      batch_means.push_back(gan.graph.node(i).output(1));
  }
  ASSERT_EQ(batch_means.size(), 2u);
  const Operation train = sgd({.learning_rate = 0}).minimize(gan.critic_loss, gan.critic_vars);
  Session session(gan.graph, {.seed = 1});
  const auto means = session.run(gan.feeds(), batch_means, {train});
  for (std::int64_t k = 0; k < 4; ++k) {
    // Both read the value before the run, 0.
    EXPECT_NEAR(session.value(mean).at(k), 0.01 * (means[0].at(k) + means[1].at(k)), 1e-7);
  }
  // A loss on real images alone has nothing to do with what the critic makes of the generator's.
  const Operation real_only = sgd({.learning_rate = 0}).minimize(reduce_mean(gan.on_real), gan.critic_vars);
  Session second(gan.graph, {.seed = 1});
  second.run({gan.feeds()[1]}, {}, {real_only});  // the noise need not be fed
  for (std::int64_t k = 0; k < 4; ++k) EXPECT_NEAR(second.value(mean).at(k), 0.01 * means[0].at(k), 1e-7);
}

TEST(TrainingOperations, UpdatesCanBeNamed) {
  Gan gan;
  const auto all = gan.graph.collection(kUpdateOps);
  ASSERT_EQ(all.size(), 6u);
  EXPECT_EQ(moved_by(gan, sgd({.step = {.updates = all}}).minimize(gan.critic_loss, gan.critic_vars), gan.feeds()),
            "generator+critic");
  EXPECT_EQ(moved_by(gan, sgd({.step = {.updates = std::vector<Output>{}}}).minimize(gan.critic_loss), gan.feeds()),
            "");
  expect_error(Code::kInvalidArgument, "one of the updates to run refers to nothing",
               [&] { sgd({.step = {.updates = std::vector<Output>{Output()}}}).minimize(gan.critic_loss); });
}

// An update that no layer made runs wherever its placeholders are fed anyway.
TEST(TrainingOperations, AnUpdateOfOnesOwnRunsWithWhatFeedsIt) {
  Gan gan;
  const Output seen = variable(gan.graph, Tensor::scalar(0.0F), "seen", /*trainable=*/false);
  gan.graph.add_to_collection(kUpdateOps, assign_add(seen, reduce_sum(gan.real)));
  const Operation critic = sgd().minimize(gan.critic_loss, gan.critic_vars);
  const Operation generator = sgd().minimize(gan.generator_loss, gan.generator_vars);
  Session session(gan.graph, {.seed = 1});
  session.run({gan.feeds()[0]}, {}, {generator});
  EXPECT_EQ(session.value(seen).item<float>(), 0.0F);
  session.run(gan.feeds(), {}, {critic});
  EXPECT_NE(session.value(seen).item<float>(), 0.0F);
}

TEST(TrainingOperations, SurviveAGraphFile) {
  Gan gan;
  (void)sgd().minimize(gan.critic_loss, gan.critic_vars);
  const std::string file = to_json(gan.graph);
  Graph loaded;
  graph_from_json(file, loaded);
  std::vector<Output> vars;
  for (const Output& v : gan.generator_vars) vars.push_back(loaded.find_output(v.name()));
  const Operation generator = sgd().minimize(loaded.find_output(gan.generator_loss.name()), vars);
  Session session(loaded, {.seed = 1});
  const Feeds feeds = {{loaded.find_output("noise"), gan.feeds()[0].second}};
  session.run(feeds, {}, {generator});
  auto state = session.state();
  EXPECT_NE(state.at("generator/batch_norm/moving_mean").at(0), 0.0);
  EXPECT_EQ(state.at("critic/batch_norm/moving_mean").at(0), 0.0);
  EXPECT_EQ(state.at("global_step").item<std::int64_t>(), 0) << "the critic's";
  std::int64_t counted = 0;
  for (const auto& [name, value] : state) {
    if (name.ends_with("/step")) counted += value.item<std::int64_t>();
  }
  EXPECT_EQ(counted, 1) << "the generator's own";
}

TEST(TrainingOperations, EachCountsItsOwnSteps) {
  Gan gan;
  const Output critic_step = step_counter(gan.graph, "critic_step");
  std::vector<Output> rates;
  const auto schedule = [&](const Output& step) {
    rates.push_back(exponential_decay(step, 0.5, 1, 0.5));
    return rates.back();
  };
  const Operation generator = sgd({.learning_rate = schedule}).minimize(gan.generator_loss, gan.generator_vars);
  const Operation critic =
      adam({.learning_rate = schedule, .step = {.counter = critic_step}}).minimize(gan.critic_loss, gan.critic_vars);
  const Operation third = momentum({.learning_rate = schedule}).minimize(gan.critic_loss, gan.critic_vars);
  Session session(gan.graph, {.seed = 1});
  for (int i = 0; i < 5; ++i) session.run(gan.feeds(), {}, {critic});
  for (int i = 0; i < 2; ++i) session.run(gan.feeds(), {}, {generator});
  session.run(gan.feeds(), {}, {third});
  EXPECT_EQ(session.value(critic_step).item<std::int64_t>(), 5);
  EXPECT_EQ(session.value(global_step(gan.graph)).item<std::int64_t>(), 2);
  EXPECT_EQ(session.value(gan.graph.find_output("momentum/step")).item<std::int64_t>(), 1);
  ASSERT_EQ(rates.size(), 3u);
  const auto r = session.run(rates);
  EXPECT_EQ(r[0].at(0), 0.125);     // 0.5 * 0.5^2
  EXPECT_EQ(r[1].at(0), 0.015625);  // 0.5 * 0.5^5
  EXPECT_EQ(r[2].at(0), 0.25);
}

// A schedule never stands still for want of somebody to count.
TEST(TrainingOperations, CountWhatTheirScheduleReads) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(0.0F), "v");
  const Output own = step_counter(graph, "own");
  const Operation train = sgd({.learning_rate = exponential_decay(own, 1.0, 1, 0.5)}).minimize(-v);
  Session session(graph);
  for (int i = 0; i < 3; ++i) session.run({}, {}, {train});
  EXPECT_EQ(session.value(own).item<std::int64_t>(), 3);
  EXPECT_EQ(session.value(v).item<float>(), 1.75F);
  expect_error(Code::kInvalidArgument, "reads the counter 'own', which another training operation increases",
               [&] { sgd({.learning_rate = exponential_decay(own, 1.0, 1, 0.5)}).minimize(-v); });
}

TEST(TrainingOperations, MayCountInTurn) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(0.0F), "v");
  const Output step = global_step(graph);
  const Operation warm =
      sgd({.learning_rate = linear_warmup(step, scalar(graph, 1.0, DType::kFloat64), 4)}).minimize(-v);
  // A schedule that would stand still, or run twice as fast as meant, is refused.
  const Output rate = cosine_decay(step, 1.0, 10);
  expect_error(Code::kInvalidArgument, "[minimize 'Neg", [&] { sgd({.learning_rate = rate}).minimize(-v); });
  expect_error(Code::kInvalidArgument, "reads the counter 'global_step', which another training operation increases",
               [&] { sgd({.learning_rate = rate}).minimize(-v); });
  const Operation then = sgd({.learning_rate = rate, .step = {.counter = step}}).minimize(-v);
  Session session(graph);
  for (int i = 0; i < 3; ++i) session.run({}, {}, {warm});
  for (int i = 0; i < 2; ++i) session.run({}, {}, {then});
  EXPECT_EQ(session.value(step).item<std::int64_t>(), 5);
}

TEST(TrainingOperations, SayWhatIsNoCounterAndNoSchedule) {
  Graph graph, other;
  const Output v = variable(graph, Tensor::scalar(0.0F), "v");
  const auto counting = [&](const Output& counter) { sgd({.step = {.counter = counter}}).minimize(-v, {v}); };
  expect_error(Code::kInvalidArgument,
               "a step counter is an int64 scalar variable (nn::step_counter); got [Variable 'v'",
               [&] { counting(v); });
  expect_error(Code::kInvalidArgument, "the step counter 'step' belongs to another graph",
               [&] { counting(step_counter(other)); });
  expect_error(Code::kInvalidArgument, "the learning rate's function returned an Output that refers to nothing",
               [&] { sgd({.learning_rate = [](const Output&) { return Output(); }}).minimize(-v, {v}); });
  expect_error(Code::kInvalidArgument,
               "[nn::LearningRate at training_operations_test.cc:", [&] { sgd({.learning_rate = -1}); });
  expect_error(Code::kInvalidArgument, "[nn::adam at training_operations_test.cc:", [&] { adam({.beta1 = 1}); });
  expect_error(Code::kInvalidArgument, "[compute_gradients 'v' at training_operations_test.cc:", [&] {
    sgd().compute_gradients(v, {variable(graph, Tensor::scalar(1.0F), "w")});
  });
}

// A run that is stopped, saved and resumed in another session goes on to the same bits, with all counters.
TEST(TrainingOperations, ResumeToTheBit) {
  Gan gan;
  const auto decay = [](const Output& step) { return exponential_decay(step, 0.01, 3, 0.9); };
  const Operation critic = adam({.learning_rate = decay}).minimize(gan.critic_loss, gan.critic_vars);
  const Operation generator = rms_prop({.learning_rate = decay}).minimize(gan.generator_loss, gan.generator_vars);
  const auto steps = [&](Session& session, int from, int to) {
    for (int i = from; i < to; ++i) session.run(gan.feeds(), {}, {i % 3 == 2 ? generator : critic});
  };
  Session whole(gan.graph, {.seed = 4}), first(gan.graph, {.seed = 4}), second(gan.graph, {.seed = 9});
  steps(whole, 0, 9);
  steps(first, 0, 5);
  second.restore(first.state());
  second.set_run_number(first.run_number());
  steps(second, 5, 9);
  const auto expected = whole.state(), got = second.state();
  for (const auto& [name, value] : expected) EXPECT_TRUE(bit_equal(got.at(name), value)) << name;
  EXPECT_EQ(expected.at("global_step").item<std::int64_t>(), 6);
  EXPECT_EQ(expected.at("rms_prop/step").item<std::int64_t>(), 3);
}

}  // namespace
}  // namespace gradus::nn
