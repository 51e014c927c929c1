// What a step costs beside its kernels, in Google Benchmark (`bench_micro --help` lists its options; --benchmark_filter=Tiny chooses).
//   TinyNodes/n        a run of n nodes of 4 floats each that nothing fuses; ns_per_node is the growth over a run of one
//   RunNothing         session.run() without fetches; RunConstant with one fetch
//   Feed, Fetch        bytes_per_second of a batch of lenet5's images, in and out
//   BuildResnet20      graph, gradients and momentum updates of resnet20; CompileResnet20 its plan, with the session
//   ParallelFor/t/gap  a region of 16 empty chunks on t threads, `gap` us after the last one
//   FirstStep          from the start of a process to the end of its first training step of lenet5 at batch 128, by the clock of its parent
//   Input, Lenet5      images/s (items_per_second) of the input pipeline and of training steps of lenet5, which it has to feed
#include <benchmark/benchmark.h>
#include <gradus/core/thread_pool.h>
#include <gradus/gradus.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <thread>

extern char** environ;

namespace {

namespace gd = gradus;
using benchmark::State;

constexpr int kBatch = 128;
constexpr const char* kFirstStep = "--first-step";  // what this program calls itself with

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// A model, its loss and a training step, with what it is fed.
struct Trained {
  explicit Trained(const std::string& model)
      : image(model == "resnet20" ? gd::Shape{kBatch, 32, 32, 3} : gd::Shape{kBatch, 28, 28, 1}) {
    const gd::Output images = gd::placeholder(graph, gd::DType::kFloat32, image, "images");
    const gd::Output labels = gd::placeholder(graph, gd::DType::kInt32, {kBatch}, "labels");
    const gd::Output logits = gd::nn::model_by_name(model)(images);
    loss = gd::reduce_mean(gd::sparse_softmax_cross_entropy_with_logits(labels, logits));
    train = gd::nn::momentum({.learning_rate = 0.01, .momentum = 0.9}).minimize(loss);
    feeds = {{images, gd::random_uniform_tensor(gd::DType::kFloat32, image, 1)},
             {labels, gd::Tensor::zeros(gd::DType::kInt32, {kBatch})}};
  }

  gd::Graph graph;
  gd::Shape image;
  gd::Output loss;
  gd::Operation train;
  gd::Feeds feeds;
};

// Reversals: no plan fuses or shares them.
gd::Output chain(const gd::Output& x, std::int64_t nodes) {
  gd::Output y = x;
  for (std::int64_t i = 0; i < nodes; ++i) y = gd::reverse(y, {0});
  return y;
}

double seconds_per_run(std::int64_t nodes) {
  gd::Graph graph;
  const gd::Output x = gd::placeholder(graph, gd::DType::kFloat32, {4}, "x");
  const gd::Output y = chain(x, nodes);
  const gd::Feeds feeds{{x, gd::Tensor::full(gd::DType::kFloat32, {4}, 1)}};
  gd::Session session(graph, {.num_threads = 1});
  constexpr int kRuns = 20;  // short, and the best of many: what else the machine does is in few of them
  double best = 1e9;
  for (int trial = 0; trial < 500; ++trial) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kRuns; ++i) session.run(feeds, {y});
    best = std::min(best, seconds_since(begin) / kRuns);
  }
  return best;
}

void TinyNodes(State& state) {
  gd::Graph graph;
  const gd::Output x = gd::placeholder(graph, gd::DType::kFloat32, {4}, "x");
  const gd::Output y = chain(x, state.range(0));
  const gd::Feeds feeds{{x, gd::Tensor::full(gd::DType::kFloat32, {4}, 1)}};
  gd::Session session(graph, {.num_threads = 1});
  while (state.KeepRunning()) benchmark::DoNotOptimize(session.run(feeds, {y}));
  if (state.range(0) > 1) {
    const double growth = seconds_per_run(state.range(0)) - seconds_per_run(1);
    state.counters["ns_per_node"] = 1e9 * growth / static_cast<double>(state.range(0) - 1);
  }
}
BENCHMARK(TinyNodes)->Arg(1)->Arg(50)->Arg(500);

void RunNothing(State& state) {
  gd::Graph graph;
  gd::Session session(graph, {.num_threads = 1});
  while (state.KeepRunning()) session.run({});
}
BENCHMARK(RunNothing);

void RunConstant(State& state) {
  gd::Graph graph;
  const gd::Output one = gd::scalar(graph, 1.0, gd::DType::kFloat32);
  gd::Session session(graph, {.num_threads = 1});
  while (state.KeepRunning()) benchmark::DoNotOptimize(session.run({one}));
}
BENCHMARK(RunConstant);

void Feed(State& state) {
  gd::Graph graph;
  const gd::Shape shape{kBatch, 28, 28, 1};
  const gd::Output x = gd::placeholder(graph, gd::DType::kFloat32, shape, "x");
  const gd::Output few = gd::slice(x, {0, 0, 0, 0}, {1, 1, 1, 1});
  const gd::Feeds feeds{{x, gd::random_uniform_tensor(gd::DType::kFloat32, shape, 1)}};
  gd::Session session(graph, {.num_threads = 1});
  while (state.KeepRunning()) benchmark::DoNotOptimize(session.run(feeds, {few}));
  state.SetBytesProcessed(state.iterations() * shape.num_elements() * 4);
}
BENCHMARK(Feed);

void Fetch(State& state) {
  gd::Graph graph;
  const gd::Shape shape{kBatch, 28, 28, 1};
  const gd::Output x = gd::variable(graph, gd::random_uniform_tensor(gd::DType::kFloat32, shape, 1));
  gd::Session session(graph, {.num_threads = 1});
  while (state.KeepRunning()) benchmark::DoNotOptimize(session.run({x}));
  state.SetBytesProcessed(state.iterations() * shape.num_elements() * 4);
}
BENCHMARK(Fetch);

void BuildResnet20(State& state) {
  while (state.KeepRunning()) benchmark::DoNotOptimize(Trained("resnet20").train);
}
BENCHMARK(BuildResnet20)->Unit(benchmark::kMillisecond);

void CompileResnet20(State& state) {
  const Trained trained("resnet20");
  while (state.KeepRunning()) {
    gd::Session session(trained.graph, {.num_threads = 2});
    benchmark::DoNotOptimize(session.report(trained.feeds, {trained.loss}, {trained.train}));
  }
}
BENCHMARK(CompileResnet20)->Unit(benchmark::kMillisecond);

void ParallelFor(State& state) {
  gd::ThreadPool pool(static_cast<int>(state.range(0)));
  const auto gap = std::chrono::microseconds(state.range(1));
  while (state.KeepRunning()) {
    if (gap.count() > 0) std::this_thread::sleep_for(gap);
    const auto begin = std::chrono::steady_clock::now();
    pool.parallel_for(16, 1, [](std::int64_t first, std::int64_t) { benchmark::DoNotOptimize(first); });
    state.SetIterationTime(seconds_since(begin));
  }
}
BENCHMARK(ParallelFor)->ArgsProduct({{1, 2, 4}, {0, 200}})->UseManualTime();

void FirstStep(State& state) {
  std::string program = "/proc/self/exe", option = kFirstStep;
  char* arguments[] = {program.data(), option.data(), nullptr};
  while (state.KeepRunning()) {
    const auto begin = std::chrono::steady_clock::now();
    pid_t child = 0;
    int status = -1;
    if (posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ) != 0 ||
        waitpid(child, &status, 0) != child || status != 0) {
      state.SkipWithError("the process did not end well");
      return;
    }
    state.SetIterationTime(seconds_since(begin));
  }
}
BENCHMARK(FirstStep)->UseManualTime()->Iterations(20)->Unit(benchmark::kMillisecond);

// Shuffled, cropped, flipped and normalised batches of `channels` channels, made in the thread that asks for them: prefetching does the same in
// another. One pass over 12,800 images is one iteration.
void Input(State& state, const gd::Shape& images, const gd::io::Augmentation& augmentation) {
  const gd::Tensor pixels = gd::random_uniform_tensor(gd::DType::kFloat32, images, 1, 0, 255).cast(gd::DType::kUInt8);
  const gd::io::ImageView view(pixels, gd::Tensor::zeros(gd::DType::kInt32, {images[0]}));
  int epoch = 0;
  while (state.KeepRunning()) {
    for (const gd::io::Batch& batch : view.shuffled(++epoch).augmented(augmentation).batched(kBatch)) {
      benchmark::DoNotOptimize(batch.images.data<float>());
    }
  }
  state.SetItemsProcessed(state.iterations() * images[0]);
}
constexpr std::int64_t kImages = 12800;
BENCHMARK_CAPTURE(Input, lenet5, gd::Shape{kImages, 28, 28, 1},
                  gd::io::Augmentation{.crop_padding = 2, .flip = true, .mean = {0.13F}, .stddev = {0.31F}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Input, resnet20, gd::Shape{kImages, 32, 32, 3},
                  gd::io::Augmentation{
                      .crop_padding = 4, .flip = true, .mean = {0.49F, 0.48F, 0.45F}, .stddev = {0.25F, 0.24F, 0.26F}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void Lenet5(State& state) {
  const Trained trained("lenet5");
  gd::Session session(trained.graph, {.num_threads = static_cast<int>(state.range(0))});
  while (state.KeepRunning()) benchmark::DoNotOptimize(session.run(trained.feeds, {trained.loss}, {trained.train}));
  state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(Lenet5)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 2 && std::strcmp(argv[1], kFirstStep) == 0) {
      const Trained trained("lenet5");
      gd::Session(trained.graph, {.num_threads = 2}).run(trained.feeds, {trained.loss}, {trained.train});
      return 0;
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_micro: %s\n", error.what());
    return 2;
  }
  return 0;
}
