// Times training steps (momentum SGD) and inference of lenet5 and resnet20 on a GPU, in float32, TF32 and bfloat16, with random data that
// lie there. Prints a line of JSON for each as soon as it is known. scripts/bench_gpu compares with PyTorch and JAX.
//   bench_gpu [--device cuda:0] [--only "resnet20 128"] [--steps 50] [--blocks 7] [--streams 1]
#include "benchmarks/gpu/gpu_bench.h"
#include "benchmarks/options.h"

int main(int argc, char** argv) {
  gradus_bench::GpuBenchOptions o;
  int batch = 0;
  example::Options options("bench_gpu", "Times training steps and inference on a GPU; prints lines of JSON.");
  options.text("--device", &o.device, "DEVICE", "where it runs");
  options.text("--only", &o.only, "TEXT", "measurements whose name holds this: \"lenet5 64 float32 train\"");
  options.integer("--batch", &batch, 0, 1 << 20, "images per step; 0: several");
  options.integer("--steps", &o.steps, 1, 1 << 20, "steps of a block, which is waited for once");
  options.integer("--blocks", &o.blocks, 1, 1000, "blocks, of which the median counts");
  options.integer("--warmup", &o.warmup, 1, 1000, "steps before");
  options.positive_number("--seconds", &o.seconds, "after which no further block begins, once there are three");
  options.integer("--streams", &o.streams, 1, 2, "of a recording");
  return gradus_bench::run(argc, argv, "bench_gpu", options, [&] {
    if (batch > 0) o.batches = {batch};
    std::string failures;
    gradus_bench::bench_gpu(
        o,
        [](const gradus_bench::Measured& m) {
          std::printf("%s\n", m.to_json().c_str());
          example::check_standard_output();
        },
        [&](const std::string& name, const std::string& text) { failures += name + ": " + text + " "; });
    if (!failures.empty()) throw std::runtime_error(failures);
  });
}
