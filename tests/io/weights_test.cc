// Weights that travel from one program's graph to another's.
#include "gradus/io/weights.h"

#include <gradus/gradus.h>

#include <sstream>
#include <thread>

#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

using io_test::expect_error;
using io_test::TemporaryDirectory;
using Names = std::vector<std::string>;

Output model(const Output& images, bool training, std::int64_t classes = 3) {
  Output h = nn::conv2d(images, {.filters = 4, .kernel = 3}, "conv");
  h = relu(nn::batch_norm(h, {.training = training, .momentum = 0.5}, "norm"));
  return nn::dense(nn::flatten(nn::max_pool2d(h)), {.units = classes}, "logits");
}
const Names kWeights = {"conv/kernel",          "conv/bias",     "norm/gamma", "norm/beta", "norm/moving_mean",
                        "norm/moving_variance", "logits/kernel", "logits/bias"};

// A graph that trains, with an optimiser's slots, counters and a schedule; some steps were run.
struct Trained {
  explicit Trained(bool averages = false) {
    images = placeholder(graph, DType::kFloat32, {-1, 4, 4, 1}, "images");
    const Output labels = placeholder(graph, DType::kInt32, {-1}, "labels");
    const Output loss = nn::sparse_softmax_loss(labels, model(images, true));
    Operation train = nn::adam({.learning_rate = 0.01}).minimize(loss);
    if (averages) {
      average.emplace(graph, 0.9);
      train = average->update(train);
    }
    const nn::ReuseVariables reuse(graph);
    logits = model(images, false);
    session.emplace(graph, SessionOptions{.seed = 3});
    for (std::uint64_t step = 0; step < 5; ++step) {
      session->run({{images, random_uniform_tensor(DType::kFloat32, {6, 4, 4, 1}, step)},
                    {labels, Tensor::from<std::int32_t>({0, 1, 2, 0, 1, 2})}},
                   {}, {train});
    }
  }
  Graph graph;
  Output images, logits;
  std::optional<nn::ExponentialMovingAverage> average;
  std::optional<Session> session;
};

// A graph that only infers.
struct Inference {
  explicit Inference(std::int64_t classes = 3) {
    images = placeholder(graph, DType::kFloat32, {-1, 4, 4, 1}, "images");
    logits = model(images, false, classes);
    session.emplace(graph, SessionOptions{.seed = 99});
  }
  Tensor value(const std::string& name) { return session->value(graph.find_output(name)); }
  Graph graph;
  Output images, logits;
  std::optional<Session> session;
};

Tensor logits_of(auto& program) {
  const Tensor images = random_uniform_tensor(DType::kFloat32, {7, 4, 4, 1}, 12);
  return program.session->run({{program.images, images}}, {program.logits})[0];
}

class WeightsTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string path(const std::string& stem = "w") const { return directory_.file(stem + GetParam()); }
  std::map<std::string, Tensor> tensors(const std::string& file) const {
    return std::string(GetParam()) == ".npz" ? load_npz(file) : load_safetensors(file).tensors;
  }
  TemporaryDirectory directory_;
};
INSTANTIATE_TEST_SUITE_P(Formats, WeightsTest, ::testing::Values(".safetensors", ".npz"),
                         [](const auto& format) { return std::string(format.param).substr(1); });

TEST_P(WeightsTest, TrainedHereUsedThere) {
  Trained trained;
  save_weights(*trained.session, path());
  Names names;
  for (const auto& [name, tensor] : tensors(path())) names.push_back(name);
  Names expected = kWeights;
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(names, expected);  // no optimiser slots, no step counters

  Inference inference;
  EXPECT_FALSE(bit_equal(logits_of(trained), logits_of(inference)));
  const WeightsReport report = load_weights(*inference.session, path());
  EXPECT_EQ(report.loaded, kWeights);
  EXPECT_TRUE(report.complete());
  EXPECT_TRUE(report.left_over.empty());
  EXPECT_EQ(report.numbers, 3 * 3 * 4 + 4 + 4 * 4 + 2 * 2 * 4 * 3 + 3);
  EXPECT_TRUE(bit_equal(logits_of(trained), logits_of(inference)));
  std::ostringstream text;
  text << report;
  EXPECT_EQ(text.str(), path() + ": loaded 8 of 8 weights (107 numbers)");
}

TEST(Weights, ACheckpointOfTheTrainingRunIsAFileOfWeightsToo) {
  const TemporaryDirectory directory;
  Trained trained;
  const std::string path = save_checkpoint(directory.path(), {.tensors = trained.session->state()});
  Inference inference;
  const Checkpoint checkpoint = load_checkpoint(path);
  Names slots;  // and counters
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (std::find(kWeights.begin(), kWeights.end(), name) == kWeights.end()) slots.push_back(name);
  }
  ASSERT_GE(slots.size(), 13U);  // two moments of each of six variables, and a counter at least
  expect_error(Code::kNotFound,
               {"has a variable '" + slots[0] + "' and " + std::to_string(slots.size() - 1) + " more that this graph",
                "io::load_weights()"},
               [&] { inference.session->restore(checkpoint.tensors); });
  const WeightsReport report = load_weights(*inference.session, path);
  EXPECT_EQ(report.loaded, kWeights);
  EXPECT_EQ(report.left_over, slots);
  EXPECT_NE(
      report.to_string().find("\n  " + std::to_string(slots.size()) + " left over in the file: " + slots[0] + ", "),
      std::string::npos)
      << report;
  EXPECT_TRUE(bit_equal(logits_of(trained), logits_of(inference)));
}

TEST_P(WeightsTest, TakeOnlyTheBeginningThatIsAskedFor) {
  Trained trained;
  save_weights(*trained.session, path("all"));
  save_weights(*trained.session, path("norm"), {.prefix = "norm/"});
  EXPECT_EQ(tensors(path("norm")).size(), 4U);

  Inference other(5);  // another number of classes: transfer learning
  const Tensor head = other.value("logits/kernel");
  const WeightsReport report = load_weights(*other.session, path("all"), {.prefix = "conv"});
  EXPECT_EQ(report.loaded, (Names{"conv/kernel", "conv/bias"}));
  EXPECT_EQ(report.left_over.size(), 6U);
  EXPECT_TRUE(bit_equal(other.value("conv/kernel"), trained.session->value(trained.graph.find_output("conv/kernel"))));
  EXPECT_TRUE(bit_equal(other.value("logits/kernel"), head));
  EXPECT_EQ(other.value("norm/moving_mean").at(0), 0.0);
  expect_error(Code::kInvalidArgument, {"no weight's name begins with 'cnov/'; they begin with conv/, logits/, norm/"},
               [&] { load_weights(*other.session, path("all"), {.prefix = "cnov/"}); });
}

TEST_P(WeightsTest, NamesMayDifferByBeginningsAndOneByOne) {
  Trained trained;
  const WeightNames names = {{"", "net/"}, {"norm/", "bn."}, {"logits/bias", "b"}};
  save_weights(*trained.session, path(), {.names = names});
  const auto file = tensors(path());
  EXPECT_EQ(file.count("net/conv/kernel"), 1U);
  EXPECT_EQ(file.count("bn.moving_mean"), 1U);
  EXPECT_EQ(file.count("b"), 1U);
  EXPECT_EQ(file.size(), 8U);
  Inference inference;
  EXPECT_EQ(load_weights(*inference.session, path(), {.names = names}).loaded.size(), 8U);
  EXPECT_TRUE(bit_equal(logits_of(trained), logits_of(inference)));
  expect_error(Code::kInvalidArgument, {path(), "{\"nrom/\", \"bn.\"} of `names` fits no weight"}, [&] {
    load_weights(*inference.session, path(), {.names = {{"nrom/", "bn."}}});
  });
  expect_error(Code::kInvalidArgument, {"the same name 'x'"}, [&] {
    save_weights(*trained.session, path(), {.names = {{"conv/kernel", "x"}, {"conv/bias", "x"}}});
  });
}

TEST_P(WeightsTest, AModelInAScopeOfItsOwnIsFoundByTheRuleThatTheErrorNames) {
  Trained trained;
  save_weights(*trained.session, path());
  Graph graph;
  const Output images = placeholder(graph, DType::kFloat32, {-1, 4, 4, 1}, "images");
  {
    const NameScope scope(graph, "student");
    model(images, false);
  }
  Session session(graph);
  expect_error(Code::kNotFound,
               {path(), "8 of the graph's weights are missing: 'student/conv/kernel'", "and 2 more",
                R"(names = {{"student/", ""}} would find 8)", "nothing was changed"},
               [&] { load_weights(session, path()); });
  EXPECT_EQ(load_weights(session, path(), {.names = {{"student/", ""}}}).loaded.size(), 8U);

  save_weights(session, path("scoped"));
  Inference inference;
  expect_error(Code::kNotFound, {R"(names = {{"", "student/"}} would find 8)"},
               [&] { load_weights(*inference.session, path("scoped")); });
  EXPECT_EQ(load_weights(*inference.session, path("scoped"), {.names = {{"", "student/"}}}).loaded.size(), 8U);
}

TEST(Weights, ErrorsSayWhatIsMissingOrDiffersAndChangeNothing) {
  Trained trained;
  const auto state = trained.session->state();
  Inference other(5);
  const auto before = other.session->state();
  expect_error(
      Code::kInvalidArgument,
      {"2 differ: logits/kernel is float32 [16,5] here, float32 [16,3] in the file, logits/bias is float32 [5] "
       "here",
       "nothing was changed", "strict = false loads the 6 that fit"},
      [&] { load_weights(*other.session, state); });
  auto renamed = state;
  renamed["norm/gama"] = renamed.at("norm/gamma");
  renamed.erase("norm/gamma");
  Inference inference;
  expect_error(
      Code::kNotFound,
      {"1 of the graph's weights is missing: 'norm/gamma'", "did you mean norm/gama", "strict = false loads the 7"},
      [&] { load_weights(*inference.session, renamed); });
  auto undefined = state;
  undefined["conv/bias"] = Tensor();
  expect_error(Code::kInvalidArgument, {"1 differs: conv/bias is float32 [4] here, a tensor without value"},
               [&] { load_weights(*inference.session, undefined); });
  expect_error(Code::kInvalidArgument,
               {"no weight takes 'adam", " more, and allow_left_over is false; nothing was changed"},
               [&] { load_weights(*inference.session, state, {.allow_left_over = false}); });
  for (const auto& [name, tensor] : other.session->state()) EXPECT_TRUE(bit_equal(tensor, before.at(name))) << name;

  const WeightsReport report = load_weights(*other.session, renamed, {.strict = false});
  EXPECT_EQ(report.loaded.size(), 5U);
  EXPECT_EQ(report.missing, Names{"norm/gamma"});
  ASSERT_EQ(report.mismatched.size(), 2U);
  EXPECT_EQ(report.mismatched[1].name, "logits/bias");
  EXPECT_EQ(report.mismatched[1].wanted, "float32 [5]");
  EXPECT_EQ(report.mismatched[1].found, "float32 [3]");
  EXPECT_FALSE(report.complete());
  EXPECT_EQ(report.to_string().find("loaded 5 of 8 weights"), 0U);
  EXPECT_NE(report.to_string().find("\n  1 missing in the file, kept as they were: norm/gamma\n"), std::string::npos);
  EXPECT_TRUE(bit_equal(other.value("conv/kernel"), state.at("conv/kernel")));
  EXPECT_TRUE(bit_equal(other.value("logits/bias"), before.at("logits/bias")));
}

TEST_P(WeightsTest, MovingAveragesTravelAndCanBecomeTheWeights) {
  Trained trained(/*averages=*/true);
  const auto averaged = [&](const std::string& name) {
    return trained.session->value(trained.average->average(trained.graph.find_output(name)));
  };
  save_weights(*trained.session, path());
  EXPECT_EQ(tensors(path()).size(), 8U + 6U);
  Inference inference;
  EXPECT_EQ(load_weights(*inference.session, path()).left_over.size(), 6U);
  EXPECT_TRUE(bit_equal(logits_of(trained), logits_of(inference)));
  load_weights(*inference.session, path(), {.averaged = true});
  EXPECT_TRUE(bit_equal(inference.value("conv/kernel"), averaged("conv/kernel")));
  EXPECT_TRUE(bit_equal(inference.value("norm/moving_mean"),
                        trained.session->value(trained.graph.find_output("norm/moving_mean"))));  // has no average
  const Tensor of_averages = logits_of(inference);

  save_weights(*trained.session, path("averaged"), {.averaged = true});
  EXPECT_EQ(tensors(path("averaged")).size(), 8U);
  Inference second;
  EXPECT_TRUE(load_weights(*second.session, path("averaged")).left_over.empty());
  EXPECT_TRUE(bit_equal(logits_of(second), of_averages));
  expect_error(Code::kNotFound, {path("averaged"), "holds no moving averages"},
               [&] { load_weights(*second.session, path("averaged"), {.averaged = true}); });
  expect_error(Code::kInvalidArgument, {"the graph keeps no moving averages"},
               [&] { save_weights(*second.session, path("x"), {.averaged = true}); });

  // A graph that keeps averages goes on from those of the file, or starts them at the weights.
  Trained goes_on(/*averages=*/true);
  EXPECT_EQ(load_weights(*goes_on.session, path()).loaded.size(), 14U);
  EXPECT_TRUE(bit_equal(goes_on.session->value(goes_on.graph.find_output("conv/bias/average")), averaged("conv/bias")));
  const WeightsReport restarted = load_weights(*goes_on.session, path("averaged"));
  EXPECT_EQ(restarted.loaded.size(), 8U);
  EXPECT_EQ(restarted.restarted.size(), 6U);
  EXPECT_TRUE(bit_equal(goes_on.session->value(goes_on.graph.find_output("conv/bias/average")),
                        goes_on.session->value(goes_on.graph.find_output("conv/bias"))));
}

// Wherever the averages' nodes are, and however many are kept.
TEST_P(WeightsTest, MovingAveragesAreFoundByTheirVariable) {
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(1.0), "v");
  std::optional<nn::ExponentialMovingAverage> first, second;
  {
    const NameScope scope(graph, "evaluation");
    first.emplace(graph, 0.5);
  }
  Session session(graph);
  session.set_value(first->average(v), Tensor::scalar(7.0));
  save_weights(session, path("one"), {.averaged = true});
  EXPECT_EQ(tensors(path("one")).at("v").item<double>(), 7.0);
  second.emplace(graph, 0.9);
  session.set_value(second->average(v), Tensor::scalar(8.0));
  save_weights(session, path("two"));
  const auto file = tensors(path("two"));
  EXPECT_EQ(file.size(), 3U);
  EXPECT_EQ(file.at("v").item<double>(), 1.0);
  EXPECT_EQ(file.at("v/average").item<double>(), 7.0);
  EXPECT_EQ(file.at("v/average_1").item<double>(), 8.0);
  expect_error(Code::kInvalidArgument, {"several moving averages are kept of 'v'"},
               [&] { save_weights(session, path("two"), {.averaged = true}); });
  session.set_values({{v, Tensor::scalar(0.0)}, {second->average(v), Tensor::scalar(0.0)}});
  load_weights(session, path("two"), {.averaged = true});
  EXPECT_EQ(session.value(v).item<double>(), 7.0);
  EXPECT_EQ(session.value(second->average(v)).item<double>(), 8.0);
}

TEST_P(WeightsTest, DTypesAreConvertedOnRequest) {
  // 0.1 rounded to 11 bits: 1638 / 16384 (1638.4 in units of 2^-14); to eight: 205 / 2048 (204.8 in units of 2^-11).
  for (const auto& [dtype, tenth] : {std::pair{DType::kFloat16, 1638 * 0x1p-14}, {DType::kBFloat16, 205 * 0x1p-11}}) {
    Graph graph, half;
    nn::dense(placeholder(graph, DType::kFloat32, {-1, 2}, "x"), {.units = 2}, "fc");
    nn::dense(placeholder(half, dtype, {-1, 2}, "x"), {.units = 2}, "fc");
    Session from(graph), to(half);
    from.set_value(graph.find_output("fc/kernel"), Tensor::from<float>({2, 2}, {1.0F, 0.1F, -3.0F, 1e-3F}));
    save_weights(from, path());
    expect_error(Code::kInvalidArgument,
                 {std::string("fc/kernel is ") + dtype_name(dtype) + " [2,2] here, float32 [2,2] in the file",
                  "convert_dtype = true converts them"},
                 [&] { load_weights(to, path()); });
    load_weights(to, path(), {.convert_dtype = true});
    const Tensor kernel = to.value(half.find_output("fc/kernel"));
    EXPECT_EQ(kernel.at(1), tenth);
    EXPECT_EQ(kernel.at(2), -3.0);
  }
}

// The values of one moment: with a and b always assigned together, no file has one without the other.
TEST_P(WeightsTest, AreOfOneMomentWhileAnotherThreadTrains) {
  Graph graph;
  const Output a = variable(graph, Tensor::zeros(DType::kFloat32, {50}), "a");
  const Output b = variable(graph, Tensor::zeros(DType::kFloat32, {50}), "b");
  const Output one = constant(graph, Tensor::full(DType::kFloat32, {50}, 1.0));
  const Operation train = group({assign_add(a, one), assign_add(b, one)});
  Session session(graph, {.num_threads = 1});
  session.run({}, {}, {train});
  std::thread trainer([&] {
    for (int i = 0; i < 300; ++i) session.run({}, {}, {train});
  });
  for (int i = 0; i < 10; ++i) {
    save_weights(session, path());
    const auto file = tensors(path());
    EXPECT_TRUE(bit_equal(file.at("a"), file.at("b")));
  }
  trainer.join();
}

TEST(Weights, RefusesWhatItCannotMean) {
  const TemporaryDirectory directory;
  Inference inference;
  Graph empty;
  Session nothing(empty);
  const std::string good = directory.file("w.npz");
  expect_error(Code::kInvalidArgument, {"w.h5: weights are kept in .safetensors or .npz files"},
               [&] { save_weights(*inference.session, "w.h5"); });
  expect_error(Code::kInvalidArgument, {"w.h5: weights are kept in .safetensors or .npz files"},
               [&] { load_weights(*inference.session, "w.h5"); });
  expect_error(Code::kInvalidArgument, {"the path of a file is empty"}, [&] { save_weights(*inference.session, ""); });
  expect_error(Code::kInvalidArgument, {good, "the graph has no weights"}, [&] { save_weights(nothing, good); });
  expect_error(Code::kInvalidArgument, {good, "the graph has no weights"}, [&] { load_weights(nothing, good); });
  expect_error(Code::kNotFound, {good, "no such file"}, [&] { load_weights(*inference.session, good); });
  EXPECT_TRUE(directory.names().empty());
}

TEST(Weights, AFullDiskKeepsTheOldFile) {
  const TemporaryDirectory directory;
  Inference inference;
  for (const char* name : {"w.safetensors", "w.npz"}) {
    const std::string path = directory.file(name);
    save_weights(*inference.session, path, {.prefix = "conv/bias"});
    {
      const io_test::FileSizeLimit limit(500);
      expect_error(Code::kResourceExhausted, {path, "failed"}, [&] { save_weights(*inference.session, path); });
    }
    Inference other;
    EXPECT_EQ(load_weights(*other.session, path, {.prefix = "conv/bias"}).loaded, Names{"conv/bias"});
  }
  EXPECT_EQ(directory.names(), (Names{"w.npz", "w.safetensors"}));
}

}  // namespace
}  // namespace gradus::io
