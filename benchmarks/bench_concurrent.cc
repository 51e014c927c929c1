// Inference from several threads on one session: calls per second, one after the other and concurrently. One line of JSON each.
//   bench_concurrent [--model lenet5|deep_mnist|resnet20] [--batch 1] [--callers 2] [--seconds 2]
#include <gradus/gradus.h>
#include <gradus/nn/models.h>

#include <atomic>
#include <thread>

#include "options.h"

namespace {

namespace gd = gradus;

void time_calls(const std::string& name, int batch, int callers, int seconds) {
  gd::Graph graph;
  const gd::Shape image = name == "resnet20" ? gd::Shape{batch, 32, 32, 3} : gd::Shape{batch, 28, 28, 1};
  const gd::Output images = gd::placeholder(graph, gd::DType::kFloat32, image, "images");
  const gd::Output logits = gd::nn::model_by_name(name)(images, {.training = false});
  const gd::Feeds feeds{{images, gd::random_uniform_tensor(gd::DType::kFloat32, image, 1)}};
  for (const int concurrent : {1, callers}) {
    gd::Session session(graph, {.seed = 1, .num_threads = 1, .concurrent_runs = concurrent});
    session.run(feeds, {logits});
    std::atomic<bool> stop{false};
    std::atomic<long> calls{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < callers; ++t) {
      threads.emplace_back([&] {
        for (; !stop; ++calls) session.run(feeds, {logits});
      });
    }
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    stop = true;
    for (std::thread& thread : threads) thread.join();
    std::printf("{\"model\": \"%s\", \"batch\": %d, \"callers\": %d, \"concurrent_runs\": %d, \"calls_per_s\": %.0f}\n",
                name.c_str(), batch, callers, concurrent, static_cast<double>(calls) / seconds);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string model = "lenet5";
  int batch = 1, callers = 2, seconds = 2;
  example::Options options("bench_concurrent",
                           "Times inference from several threads on one session; one line of JSON each.");
  options.choice("--model", &model, gd::nn::model_names(), "what is run");
  options.integer("--batch", &batch, 1, 1 << 20, "images per call");
  options.integer("--callers", &callers, 1, 1024, "threads that call");
  options.integer("--seconds", &seconds, 1, 3600, "how long");
  return gradus_bench::run(argc, argv, "bench_concurrent", options,
                           [&] { time_calls(model, batch, callers, seconds); });
}
