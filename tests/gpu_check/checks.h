// The checks, each a subcommand of `gpu_check`. They put what they find into the report and throw Error where they cannot go on.
#pragma once

#include <string>
#include <vector>

#include "benchmarks/gpu/gpu_bench.h"
#include "tests/gpu_check/report.h"

namespace gradus::gpu_check {

// Versions of driver, runtime and cuDNN, and what the GPUs are. Wrong where cuDNN is not found.
void check_facts(Report& report);

// Which part of the convolutions is looked at (convolutions.h).
struct ConvolutionOptions {
  std::string only;             // those whose name holds it
  int every = 1;                // each so many-th of those that are left
  std::string properties_file;  // where check_descriptions() puts what cuDNN says of the device; "" for nowhere
};
// What cuDNN says of the device; the engine that it chooses for each convolution, beside the one for the description that the tests use on
// machines without a GPU. Wrong where a convolution has no engine.
void check_descriptions(const ConvolutionOptions& options, Report& report);
// Each chosen plan carried out on the device, against the interpreter of plans. Wrong beyond the tolerances of the convolution tests.
void check_plans(const ConvolutionOptions& options, Report& report);

struct CaseOptions {
  std::string only;  // ops whose name holds it
  int ops = 0;       // so many ops, taken evenly from the list; 0: all
  int per_op = 0;    // cases of each; 0: all
  bool every_dtype = true;
};
// Every op case on the device against the reference in float64, optimised and plain.
void check_cases(const CaseOptions& options, Report& report);

struct TrainingOptions {
  std::string model = "lenet5";
  int steps = 20, batch = 64;
};
// Losses against the CPU's; the same bits once more, without recording and in two streams; gradients in float64 against the CPU's.
void check_training(const TrainingOptions& options, Report& report);

struct AccuracyOptions {
  int images = 12000;  // drawn digits to train on, and a sixth of that to test with
  int epochs = 1, batch = 64;
  double least = 0.9;    // accuracy of the CPU, or else the comparison says nothing
  double margin = 0.01;  // by which the GPU's may be below it
};
// lenet5 is trained on both devices in the same way.
void check_accuracy(const AccuracyOptions& options, Report& report);

// Times Gradus alone (benchmarks/gpu/gpu_bench.h); wrong where a convolution is not by cuDNN, or steps were not recorded. A line of JSON
// each goes to `lines_file`.
void check_bench(const gradus_bench::GpuBenchOptions& options, const std::string& lines_file, Report& report);

// Joins what the steps of scripts/gpu_check left in `folder` to gpu_check.json and gpu_check.md there. Returns the exit status: 0 where all
// passed, 1 where one failed, 3 where none failed and some were skipped.
int summarise(const std::string& folder);

}  // namespace gradus::gpu_check
