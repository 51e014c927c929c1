#include "benchmarks/gpu/gpu_bench.h"

#include <fmt/format.h>
#include <gradus/core/device.h>
#include <gradus/gradus.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/models.h>
#include <gradus/nn/optimizers.h>

#include <algorithm>
#include <chrono>

namespace gradus_bench {
namespace {

namespace gd = gradus;

struct Precision {
  const char* name;
  gd::DType dtype;
  bool allow_tf32;
};
constexpr Precision kPrecisions[] = {{"float32", gd::DType::kFloat32, false},
                                     {"tf32", gd::DType::kFloat32, true},
                                     {"bfloat16", gd::DType::kBFloat16, false}};

// A model with its data as constants, which a device gets once.
struct Network {
  Network(const std::string& model, int batch, gd::DType dtype, bool training) {
    const gd::Shape image = model == "resnet20" ? gd::Shape{batch, 32, 32, 3} : gd::Shape{batch, 28, 28, 1};
    gd::Tensor classes(gd::DType::kInt32, {batch});
    for (int i = 0; i < batch; ++i) classes.set(i, static_cast<double>(i * 7 % 10));
    const gd::Output images =
        gd::constant(graph, gd::random_uniform_tensor(gd::DType::kFloat32, image, 1).cast(dtype), "images");
    const gd::Output logits =
        gd::nn::model_by_name(model)(images, {.training = training}, gd::SourceLocation::current());
    if (training) {
      const gd::Output loss = gd::nn::sparse_softmax_loss(gd::constant(graph, classes, "labels"), logits);
      step = gd::nn::momentum({.learning_rate = 0.01, .momentum = 0.9}).minimize(loss);
    } else {
      step = gd::Operation(logits);
    }
    last_variable = graph.collection(gd::kTrainableVariables).back();
  }
  gd::Graph graph;
  gd::Operation step;
  gd::Output last_variable;  // small; reading it waits for the device
};

double seconds_of(gd::Session& session, const Network& net, int steps) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < steps; ++i) session.run(net.step);
  (void)session.value(net.last_variable);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void add_plan(const gd::PlanReport& plan, const std::string& device, Measured* m) {
  m->recorded = !plan.recorded.empty();
  for (const auto& step : plan.steps) {
    m->plain_convolutions +=
        step.op.find("Conv2D") != std::string::npos && step.kernel.find("cuDNN") == std::string::npos;
  }
  for (const auto& memory : plan.memory) {
    if (memory.device == device) m->memory_mb += static_cast<double>(memory.bytes()) / (1 << 20);
  }
}

Measured measure(const GpuBenchOptions& o, const std::string& model, int batch, const Precision& precision,
                 bool training) {
  const Network net(model, batch, precision.dtype, training);
  gd::Session session(net.graph,
                      {.device = o.device, .seed = 1, .allow_tf32 = precision.allow_tf32, .streams = o.streams});
  (void)seconds_of(session, net, o.warmup);
  std::vector<double> ms;
  double spent = 0;
  while (static_cast<int>(ms.size()) < o.blocks && (ms.size() < 3 || spent < o.seconds)) {
    const double seconds = seconds_of(session, net, o.steps);
    spent += seconds;
    ms.push_back(1e3 * seconds / o.steps);
  }
  std::nth_element(ms.begin(), ms.begin() + static_cast<std::ptrdiff_t>(ms.size() / 2), ms.end());
  Measured m{.model = model,
             .precision = precision.name,
             .what = training ? "train" : "infer",
             .batch = batch,
             .blocks = static_cast<int>(ms.size()),
             .steps = o.steps,
             .ms = ms[ms.size() / 2]};
  add_plan(session.report({}, {}, {net.step}), o.device, &m);
  return m;
}

std::vector<int> batches_of(const GpuBenchOptions& o, const std::string& model) {
  if (!o.batches.empty()) return o.batches;
  return model == "resnet20" ? std::vector<int>{128, 1024} : std::vector<int>{64, 256, 1024};
}

}  // namespace

std::string Measured::to_json() const {
  return fmt::format(
      R"({{"framework": "gradus", "mode": "{}", "model": "{}", "batch": {}, "precision": "{}", "what": "{}", "ms": {:.5f}, )"
      R"("images_per_s": {:.0f}, "blocks": {}, "steps": {}, "memory_mb": {:.1f}, "plain_convolutions": {}}})",
      recorded ? "recorded" : "step by step", model, batch, precision, what, ms, 1e3 * batch / ms, blocks, steps,
      memory_mb, plain_convolutions);
}

void bench_gpu(const GpuBenchOptions& options, const std::function<void(const Measured&)>& measured,
               const std::function<void(const std::string&, const std::string&)>& failed) {
  // A device that cannot be had is one error, and not one per measurement.
  (void)gd::backend_registry().create(gd::DeviceName::parse(options.device), {});
  bool found = false;
  for (const char* model : {"lenet5", "resnet20"}) {
    for (const int batch : batches_of(options, model)) {
      for (const Precision& precision : kPrecisions) {
        for (const bool training : {true, false}) {
          const std::string name =
              fmt::format("{} {} {} {}", model, batch, precision.name, training ? "train" : "infer");
          if (name.find(options.only) == std::string::npos) continue;
          found = true;
          try {
            measured(measure(options, model, batch, precision, training));
          } catch (const gd::Error& error) {
            if (error.code() == gd::Code::kUnavailable) throw;  // no device: nothing else can be measured
            failed(name, error.full_text());
          }
        }
      }
    }
  }
  if (!found)
    throw gd::invalid_argument(
        fmt::format("no measurement's name holds '{}'; they are like \"lenet5 64 float32 train\"", options.only));
}

}  // namespace gradus_bench
