// How the cost of a training step grows with batch, channels, depth and threads: a stack of 3x3 convolutions with bias and Relu over 16x16
// images, one of the four varied at a time. Prints one line of JSON per point: milliseconds (median) of a step with momentum SGD.
//   bench_scaling [--threads 2] [--repeats 15] [--only batch] [--conv-algorithm auto]
#include <gradus/gradus.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/optimizers.h>

#include "options.h"

namespace {

namespace gd = gradus;

struct Stack {
  std::int64_t batch = 32, channels = 32, depth = 4, threads = 2;
};
struct Axis {
  const char* name;
  std::int64_t Stack::*what;
  std::vector<std::int64_t> values;
};

double step_ms(const Stack& s, int repeats, gd::ConvAlgorithm algorithm) {
  gd::Graph graph;
  const gd::Output images = gd::placeholder(graph, gd::DType::kFloat32, {s.batch, 16, 16, s.channels}, "images");
  gd::Output h = images;
  for (std::int64_t layer = 0; layer < s.depth; ++layer)
    h = gd::relu(gd::nn::conv2d(h, {.filters = s.channels}, "conv" + std::to_string(layer)));
  const gd::Output loss = gd::reduce_mean(gd::square(h));
  const gd::Operation train = gd::nn::momentum({.learning_rate = 0.01, .momentum = 0.9}).minimize(loss);
  gd::Session session(graph, {.seed = 1, .num_threads = static_cast<int>(s.threads), .conv_algorithm = algorithm});
  const gd::Feeds feeds{{images, gd::random_uniform_tensor(gd::DType::kFloat32, images.shape(), 1)}};
  return gradus_bench::median(gradus_bench::time_ms(3, repeats, [&] { session.run(feeds, {}, {train}); }));
}

void time_all(int threads, int repeats, const std::string& only, gd::ConvAlgorithm algorithm) {
  std::vector<std::int64_t> thread_counts;
  for (std::int64_t n = 1; n < threads; n *= 2) thread_counts.push_back(n);
  thread_counts.push_back(threads);
  const Axis axes[] = {{"batch", &Stack::batch, {1, 2, 4, 8, 16, 32, 64, 128}},
                       {"channels", &Stack::channels, {4, 8, 16, 32, 64, 128}},
                       {"depth", &Stack::depth, {1, 2, 4, 8, 16}},
                       {"threads", &Stack::threads, thread_counts}};
  for (const Axis& axis : axes) {
    if (only != "all" && only != axis.name) continue;
    for (const std::int64_t value : axis.values) {
      Stack stack{.threads = threads};
      stack.*axis.what = value;
      std::printf("{\"axis\": \"%s\", \"value\": %lld, \"conv_algorithm\": \"%s\", \"ms\": %.4f}\n", axis.name,
                  static_cast<long long>(value), std::string(gd::conv_algorithm_name(algorithm)).c_str(),
                  step_ms(stack, repeats, algorithm));
      std::fflush(stdout);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 2, repeats = 15;
  std::string only = "all", algorithm = "auto";
  example::Options options(
      "bench_scaling",
      "Times training steps of a stack of convolutions over batch, channels, depth and threads; prints one line "
      "of JSON per point.");
  options.integer("--threads", &threads, 1, 1024, "threads, where they are not what is varied");
  options.integer("--repeats", &repeats, 1, 1 << 20, "steps that are timed");
  options.choice("--only", &only, {"all", "batch", "channels", "depth", "threads"}, "what is varied");
  options.choice("--conv-algorithm", &algorithm, gd::conv_algorithm_names(), "how a CPU computes convolutions");
  return gradus_bench::run(argc, argv, "bench_scaling", options,
                           [&] { time_all(threads, repeats, only, gd::conv_algorithm_from_name(algorithm)); });
}
