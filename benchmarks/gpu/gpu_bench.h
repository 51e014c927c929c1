// Times training steps and inference of small CNNs on a GPU. The data lie on the device: what is timed is the step alone. A block of steps is
// put into the device's stream and waited for once; the medians of several blocks count.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace gradus_bench {

struct GpuBenchOptions {
  std::string device = "cuda:0";
  std::string only;          // measurements whose name holds it: "lenet5 64 float32 train"
  std::vector<int> batches;  // in place of each model's own; lenet5: 64, 256, 1024; resnet20: 128, 1024
  int warmup = 10, blocks = 7, steps = 50;
  double seconds = 3;  // a measurement begins no further block after so many, once it has three
  int streams = 1;     // SessionOptions::streams
};

// As printed: a line of JSON, the same keys for every framework.
struct Measured {
  std::string model, precision, what;  // precision float32 (in full), tf32, bfloat16; what train, infer
  int batch = 0, blocks = 0, steps = 0;
  double ms = 0;          // of a step, the median of the blocks
  double memory_mb = 0;   // of variables, constants and the arena of the plan; not what CUDA and cuDNN hold themselves
  bool recorded = false;  // repeated as one CUDA graph
  int plain_convolutions = 0;  // that are not by cuDNN
  std::string to_json() const;
};

// Calls measured() after each, in the order of models, batches, precisions. An error of one measurement goes to
// failed(name, text); that the device cannot be used is thrown.
void bench_gpu(const GpuBenchOptions& options, const std::function<void(const Measured&)>& measured,
               const std::function<void(const std::string&, const std::string&)>& failed);

}  // namespace gradus_bench
