// A network that has learned on the GPU is as good as one that has on the CPU.
#include <fmt/format.h>

#include <chrono>

#include "gradus/gradus.h"
#include "gradus/io/data/dataset.h"
#include "gradus/nn/losses.h"
#include "gradus/nn/metrics.h"
#include "gradus/nn/models.h"
#include "gradus/nn/optimizers.h"
#include "gradus/nn/variables.h"
#include "tests/gpu_check/checks.h"
#include "tests/gpu_check/machine.h"

namespace gradus::gpu_check {
namespace {

struct Classifier {
  Classifier() {
    images = placeholder(graph, DType::kFloat32, {-1, 28, 28, 1}, "images");
    labels = placeholder(graph, DType::kInt32, {-1}, "labels");
    loss = nn::sparse_softmax_loss(labels, nn::lenet5(images));
    train = nn::momentum({.learning_rate = 0.05, .momentum = 0.9}).minimize(loss);
    const nn::ReuseVariables reuse(graph);
    accuracy = nn::accuracy(labels, nn::lenet5(images, {.training = false}));
  }
  Graph graph;
  Output images, labels, loss, accuracy;
  Operation train;
};

struct Learned {
  double accuracy = 0, train_seconds = 0;
};

Learned learn(const Classifier& net, const io::ImageDataset& data, const AccuracyOptions& o, const char* device) {
  fresh_machine();
  Session session(net.graph, {.device = device, .seed = 1});
  const auto begin = std::chrono::steady_clock::now();
  for (int epoch = 0; epoch < o.epochs; ++epoch) {
    for (const io::Batch& batch : data.train.shuffled(epoch).batched(o.batch).prefetched()) {
      session.run({{net.images, batch.images}, {net.labels, batch.labels}}, net.train);
    }
  }
  nn::Mean accuracy;
  const auto count = [&](const io::Batch& batch) {
    const Tensor value = session.run({{net.images, batch.images}, {net.labels, batch.labels}}, net.accuracy);
    accuracy.add(value.at(0), static_cast<double>(batch.size()));
  };
  (void)session.value(net.graph.collection(kTrainableVariables).back());  // waits for the last step
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
  for (const io::Batch& batch : data.test.batched(500)) count(batch);
  return {accuracy.value(), passed.count()};
}

}  // namespace

void check_accuracy(const AccuracyOptions& o, Report& report) {
  const io::ImageDataset data = io::synthetic_digits({.seed = 1, .train = o.images, .test = o.images / 6});
  const Classifier net;
  const Learned cpu = learn(net, data, o, "cpu:0");
  report.add("the CPU",
             cpu.accuracy >= o.least ? "" : fmt::format("accuracy {:.4f} is below {}", cpu.accuracy, o.least));
  report.save();
  const Learned gpu = learn(net, data, o, "cuda:0");
  report.add("the GPU", gpu.accuracy >= cpu.accuracy - o.margin
                            ? ""
                            : fmt::format("accuracy {:.4f} is more than {} below the CPU's {:.4f}", gpu.accuracy,
                                          o.margin, cpu.accuracy));
  report.details() = {{"cpu", {{"accuracy", cpu.accuracy}, {"train_seconds", cpu.train_seconds}}},
                      {"gpu", {{"accuracy", gpu.accuracy}, {"train_seconds", gpu.train_seconds}}},
                      {"train_images", data.train.size()},
                      {"test_images", data.test.size()},
                      {"margin", o.margin}};
  report.set_summary(
      fmt::format("lenet5, {} drawn digits, {} epochs: accuracy {:.4f} in {:.1f} s (CPU {:.4f} in {:.1f} s)",
                  data.train.size(), o.epochs, gpu.accuracy, gpu.train_seconds, cpu.accuracy, cpu.train_seconds));
}

}  // namespace gradus::gpu_check
