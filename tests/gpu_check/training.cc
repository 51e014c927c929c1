// Steps of training on the device against the CPU's, and against themselves.
#include <fmt/format.h>

#include <cmath>
#include <map>

#include "gradus/gradus.h"
#include "gradus/nn/losses.h"
#include "gradus/nn/models.h"
#include "gradus/nn/optimizers.h"
#include "tests/gpu_check/checks.h"
#include "tests/gpu_check/machine.h"
#include "tests/gpu_check/planted.h"
#include "tests/support/conv2d_matrix.h"

namespace gradus::gpu_check {
namespace {

constexpr double kLossTolerance = 1e-4;       // relative to the larger of 1 and the loss, float32
constexpr double kGradientTolerance = 1e-10;  // relative to the largest element of a variable's gradient, float64

struct Network {
  Network(const TrainingOptions& o, DType floating) : options(o), dtype(floating) {
    const bool color = options.model == "resnet20";
    image = color ? Shape{options.batch, 32, 32, 3} : Shape{options.batch, 28, 28, 1};
    images = placeholder(graph, dtype, image, "images");
    labels = placeholder(graph, DType::kInt32, {options.batch}, "labels");
    loss = nn::sparse_softmax_loss(labels, nn::model_by_name(options.model)(images));
    train = nn::momentum({.learning_rate = 0.01, .momentum = 0.9}).minimize(loss);
    variables = graph.collection(kTrainableVariables);
    variable_gradients = gradients({loss}, variables);
  }
  Feeds feeds(int step) const {
    Tensor classes(DType::kInt32, {options.batch});
    for (std::int64_t i = 0; i < options.batch; ++i) classes.set(i, static_cast<double>((3 * i + step) % 10));
    const auto seed = static_cast<std::uint64_t>(7 + step);
    return {{images, random_uniform_tensor(DType::kFloat64, image, seed).cast(dtype)}, {labels, classes}};
  }

  const TrainingOptions& options;
  const DType dtype;
  Shape image;
  Graph graph;
  Output images, labels, loss;
  Operation train;
  std::vector<Output> variables, variable_gradients;
};

struct Trained {
  std::vector<Tensor> losses;
  std::map<std::string, Tensor> state;
  bool recorded = false;
};

Trained train(const Network& net, SessionOptions options) {
  fresh_machine();
  options.seed = 3;
  Session session(net.graph, options);
  Trained t;
  for (int step = 0; step < net.options.steps; ++step) {
    t.losses.push_back(session.run(net.feeds(step), net.loss, {net.train}));
  }
  t.state = session.state();
  t.recorded = !session.report(net.feeds(0), {net.loss}, {net.train}).recorded.empty();
  if (options.device != "cpu:0") tamper("training", t.losses);
  return t;
}

std::vector<double> numbers(const std::vector<Tensor>& losses) {
  std::vector<double> values;
  for (const Tensor& loss : losses) values.push_back(loss.at(0));
  return values;
}

void compare_losses(const Trained& gpu, const Trained& cpu, Report& report) {
  for (std::size_t i = 0; i < cpu.losses.size(); ++i) {
    const double got = gpu.losses[i].at(0), expected = cpu.losses[i].at(0);
    const bool near = std::abs(got - expected) <= kLossTolerance * std::max(1.0, std::abs(expected));
    report.add(fmt::format("loss of step {}", i),
               near ? "" : fmt::format("{} on the GPU, {} on the CPU", got, expected));
  }
}

void expect_same_bits(const std::string& what, const Trained& got, const Trained& expected, Report& report) {
  std::string wrong;
  for (std::size_t i = 0; wrong.empty() && i < expected.losses.size(); ++i) {
    if (!bit_equal(got.losses[i], expected.losses[i])) wrong = fmt::format("other bits from step {} on", i);
  }
  for (const auto& [name, value] : expected.state) {
    if (wrong.empty() && !bit_equal(got.state.at(name), value)) wrong = "other bits at the end in " + name;
  }
  report.add(what, wrong);
}

// In float64 a mistake of a formula cannot hide behind rounding.
void compare_gradients(const TrainingOptions& options, Report& report) {
  const Network net(options, DType::kFloat64);
  const auto values_on = [&](const char* device) {
    fresh_machine();
    Session session(net.graph, {.device = device, .seed = 3});
    return session.run(net.feeds(0), net.variable_gradients);
  };
  const std::vector<Tensor> expected = values_on("cpu:0");
  std::vector<Tensor> got = values_on("cuda:0");
  tamper("training", got);
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double d = testing::relative_difference(got[i], expected[i]);
    worst = d <= worst ? worst : d;
    report.add("gradient of " + net.variables[i].node().name(),
               d <= kGradientTolerance ? "" : fmt::format("off by {:.2e}", d));
  }
  report.details()["largest_gradient_difference"] = fmt::format("{:.2e}", worst);
}

}  // namespace

void check_training(const TrainingOptions& options, Report& report) {
  const Network net(options, DType::kFloat32);
  const Trained cpu = train(net, {.device = "cpu:0"});
  const Trained gpu = train(net, {.device = "cuda:0"});
  report.details()["losses"] = {{"cpu", numbers(cpu.losses)}, {"gpu", numbers(gpu.losses)}};
  compare_losses(gpu, cpu, report);
  report.save();
  if (options.steps > 3) report.add("recording", gpu.recorded ? "" : "no step was recorded as a CUDA graph");
  expect_same_bits("the same seed again", train(net, {.device = "cuda:0"}), gpu, report);
  expect_same_bits("step by step", train(net, {.device = "cuda:0", .record = false}), gpu, report);
  expect_same_bits("in two streams", train(net, {.device = "cuda:0", .streams = 2}), gpu, report);
  report.save();
  compare_gradients(options, report);
  report.set_summary(
      fmt::format("{} {} steps of batch {}, last loss {:.6f} (CPU {:.6f}); gradients in float64 within {}",
                  options.model, options.steps, options.batch, gpu.losses.back().at(0), cpu.losses.back().at(0),
                  report.details()["largest_gradient_difference"].get<std::string>()));
}

}  // namespace gradus::gpu_check
