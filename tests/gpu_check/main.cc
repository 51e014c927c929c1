// Checks the CUDA backend on the machine it runs on, one concern per subcommand; scripts/gpu_check runs them all.
// Exit status: 0 passed; 1 something is wrong; 2 it could not be checked, with one line on stderr; 3 of `probe`: no cuDNN; of `summary`:
// steps were skipped.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <sstream>

#include "examples/common/standard_streams.h"
#include "gradus/backends/cuda/device.h"
#include "tests/gpu_check/checks.h"
#include "tests/gpu_check/planted.h"

namespace {

using namespace gradus::gpu_check;

// 0; 2 where there is no GPU, 3 where there is no cuDNN, and a line says what is missing.
int probe() {
  if (const std::string missing = gradus::cuda::what_is_missing(); !missing.empty()) {
    example::print_error("gpu_check", missing);
    return 2;
  }
  if (const std::string missing = gradus::cudnn::find().missing; !missing.empty()) {
    example::print_error("gpu_check", missing);
    return 3;
  }
  return 0;
}

int run_check(const std::string& name, const std::string& file, const std::function<void(Report&)>& check) {
  if (const std::string missing = gradus::cuda::what_is_missing(); !missing.empty()) {
    throw gradus::unavailable(missing);
  }
  Report report(name, file);
  plant(name);
  try {
    check(report);
  } catch (const gradus::Error& error) {
    report.add("the check", error.full_text());
  }
  const int status = report.finish();
  example::check_standard_output();
  return status;
}

// A subcommand with the option that all have. `check` is called when the command line has been read.
CLI::App* add_check(CLI::App& app, const std::string& name, const std::string& help, int* status,
                    std::function<void(Report&)> check) {
  CLI::App* const command = app.add_subcommand(name, help);
  const auto file = std::make_shared<std::string>();
  command->add_option("--json", *file, "the file for what was found");
  command->callback([=] { *status = run_check(name, *file, check); });
  return command;
}

void add_convolution_options(CLI::App* command, ConvolutionOptions* o) {
  command->add_option("--only", o->only, "convolutions whose name holds this: \"float16 forward\"");
  command->add_option("--every", o->every, "each so many-th")->check(CLI::PositiveNumber);
}

int run(int argc, char** argv) {
  CLI::App app("Checks the CUDA backend of Gradus on this machine.", "gpu_check");
  app.require_subcommand(1);
  int status = 0;

  app.add_subcommand("probe", "Says in one line what is missing of GPU and cuDNN")->callback([&] { status = probe(); });
  add_check(app, "facts", "Versions and devices", &status, check_facts);

  ConvolutionOptions descriptions, plans;
  CLI::App* command = add_check(app, "descriptions", "What cuDNN says of the device, and the engines that it chooses",
                                &status, [&](Report& report) { check_descriptions(descriptions, report); });
  add_convolution_options(command, &descriptions);
  command->add_option("--properties", descriptions.properties_file, "the file for cuDNN's description of the device");
  command = add_check(app, "plans", "cuDNN's plans against an interpreter of plans", &status,
                      [&](Report& report) { check_plans(plans, report); });
  add_convolution_options(command, &plans);

  CaseOptions cases;
  command = add_check(app, "cases", "Op cases against the reference", &status,
                      [&](Report& report) { check_cases(cases, report); });
  command->add_option("--only", cases.only, "ops whose name holds this");
  command->add_option("--ops", cases.ops, "so many ops, taken evenly from all")->check(CLI::NonNegativeNumber);
  command->add_option("--per-op", cases.per_op, "cases of each op; 0: all")->check(CLI::NonNegativeNumber);
  command->add_flag("!--one-dtype", cases.every_dtype, "the first dtype of each case alone");

  TrainingOptions training;
  command = add_check(app, "training", "Steps of training against the CPU's, and the same bits", &status,
                      [&](Report& report) { check_training(training, report); });
  command->add_option("--model", training.model, "lenet5, deep_mnist or resnet20");
  command->add_option("--steps", training.steps, "of training")->check(CLI::PositiveNumber);
  command->add_option("--batch", training.batch, "images of a step")->check(CLI::PositiveNumber);

  AccuracyOptions accuracy;
  command = add_check(app, "accuracy", "What lenet5 learns, against the CPU", &status,
                      [&](Report& report) { check_accuracy(accuracy, report); });
  command->add_option("--images", accuracy.images, "to train on")->check(CLI::Range(6, 1 << 20));
  command->add_option("--epochs", accuracy.epochs, "passes over them")->check(CLI::PositiveNumber);
  command->add_option("--batch", accuracy.batch, "images of a step")->check(CLI::PositiveNumber);
  command->add_option("--least", accuracy.least, "accuracy that the CPU must reach");

  gradus_bench::GpuBenchOptions bench;
  std::string lines;
  command = add_check(app, "bench", "Times of training steps and inference", &status,
                      [&](Report& report) { check_bench(bench, lines, report); });
  command->add_option("--only", bench.only, "measurements whose name holds this: \"lenet5 64 float32 train\"");
  command->add_option("--batches", bench.batches, "in place of the models' own")->delimiter(',');
  command->add_option("--steps", bench.steps, "of a block")->check(CLI::PositiveNumber);
  command->add_option("--blocks", bench.blocks, "of which the median counts")->check(CLI::PositiveNumber);
  command->add_option("--warmup", bench.warmup, "steps before")->check(CLI::PositiveNumber);
  command->add_option("--seconds", bench.seconds, "after which a measurement begins no block, once it has three");
  command->add_option("--lines", lines, "the file for a line of JSON each");

  std::string folder;
  command = app.add_subcommand("summary", "Joins what the steps of scripts/gpu_check found");
  command->add_option("folder", folder, "of the results")->required();
  command->callback([&] { status = summarise(folder); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help
    std::ostringstream out;
    app.exit(success, out, out);
    std::fputs(out.str().c_str(), stdout);
  } catch (const CLI::ParseError& error) {
    throw gradus::invalid_argument(std::string(error.what()) + " (see gpu_check --help)");
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  example::hold_standard_streams();
  try {
    return run(argc, argv);
  } catch (const gradus::Error& error) {
    example::print_error("gpu_check", error.full_text());
  } catch (const std::exception& error) {
    example::print_error("gpu_check", error.what());
  }
  return 2;
}
