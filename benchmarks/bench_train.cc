// Times training steps (momentum SGD, float32, random data; the loss is fetched) and inference of a model. Prints one line of JSON.
//   bench_train [--model lenet5|deep_mnist|resnet20] [--batch 128] [--threads 2] [--steps 60] [--profile 1] [--conv-algorithm auto] [--recompute 1]
//     [--optimize 0]
// With --profile, the time of every node of a training step goes to stderr. With --recompute the model's blocks are computed again in the
// backward pass. With --optimize 0 plans take every node by itself.
#include <gradus/gradus.h>
#include <gradus/nn/models.h>
#include <gradus/nn/optimizers.h>

#include "options.h"

namespace {

namespace gd = gradus;

// Of all peers. So small that hundreds of steps on the one batch teach the model nothing: a loss near 0 has subnormal gradients, with which
// some processors take a hundred times as long (Gradus takes them for 0, libtorch does not).
constexpr double kLearningRate = 1e-6;

void time_training(const gradus_bench::TrainOptions& o, const gd::SessionOptions& session_options, bool recompute) {
  const std::string& name = o.model;
  const int batch = o.batch, steps = o.steps;
  gd::Graph graph;
  const gd::Shape image = name == "resnet20" ? gd::Shape{batch, 32, 32, 3} : gd::Shape{batch, 28, 28, 1};
  const gd::Output images = gd::placeholder(graph, gd::DType::kFloat32, image, "images");
  const gd::Output labels = gd::placeholder(graph, gd::DType::kInt32, {batch}, "labels");
  const gd::nn::ModelFn model = gd::nn::model_by_name(name);
  const gd::Output loss =
      gd::reduce_mean(gd::sparse_softmax_cross_entropy_with_logits(labels, model(images, {.recompute = recompute})));
  const gd::Operation train = gd::nn::momentum({.learning_rate = kLearningRate, .momentum = 0.9}).minimize(loss);

  gd::Tensor classes(gd::DType::kInt32, {batch});
  for (std::int64_t i = 0; i < batch; ++i) classes.set(i, static_cast<double>(i * 7 % 10));
  const gd::Feeds feeds{{images, gd::random_uniform_tensor(gd::DType::kFloat32, image, 1)}, {labels, classes}};
  double train_ms = 0, busy = 0;
  {  // the session's memory is given back before inference, so that the peak is that of one of both
    gd::Session session(graph, session_options);
    const gradus_bench::BusyProcessors processors;
    train_ms = gradus_bench::median(gradus_bench::time_ms(10, steps, [&] { session.run(feeds, {loss}, {train}); }));
    busy = processors.mean();
    if (session_options.profile) std::fputs(session.explain(feeds, {loss}, {train}).c_str(), stderr);
  }

  gd::Graph inference;
  const gd::Output x = gd::placeholder(inference, gd::DType::kFloat32, image, "images");
  const gd::Output logits = model(x, {.training = false});
  gd::SessionOptions inference_options = session_options;
  inference_options.profile = false;
  gd::Session infer(inference, inference_options);
  const double infer_ms = gradus_bench::median(gradus_bench::time_ms(5, steps, [&] {
    infer.run({{x, feeds[0].second}}, {logits});
  }));
  const std::string how = ", \"conv_algorithm\": \"" +
                          std::string(gd::conv_algorithm_name(session_options.conv_algorithm)) +
                          "\", \"recompute\": " + (recompute ? "true" : "false") +
                          ", \"optimize\": " + (session_options.optimize ? "true" : "false");
  gradus_bench::print_train("gradus", gd::version(), o, train_ms, infer_ms, busy, how);
}

}  // namespace

int main(int argc, char** argv) {
  gradus_bench::TrainOptions o;
  int profile = 0, recompute = 0, optimize = 1;
  std::string algorithm = "auto";
  example::Options options("bench_train", "Times training steps and inference of a model; prints one line of JSON.");
  o.add_to(&options, gd::nn::model_names());
  options.integer("--profile", &profile, 0, 1, "1: the time of every node of a training step goes to stderr");
  options.integer("--recompute", &recompute, 0, 1,
                  "1: blocks are computed again for gradients, which takes less memory");
  options.integer("--optimize", &optimize, 0, 1, "0: no node is fused, folded or shared, and no memory used again");
  options.choice("--conv-algorithm", &algorithm, gd::conv_algorithm_names(), "how a CPU computes convolutions");
  return gradus_bench::run(argc, argv, "bench_train", options, [&] {
    time_training(o,
                  {.seed = 1,
                   .num_threads = o.threads,
                   .conv_algorithm = gd::conv_algorithm_from_name(algorithm),
                   .profile = profile == 1,
                   .optimize = optimize == 1},
                  recompute == 1);
  });
}
