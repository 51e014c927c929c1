#include "train_options.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>

namespace train_program {

void print_error(const std::string& program, std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  std::fprintf(stderr, "%s: %s\n", program.c_str(), text.c_str());
}

bool parse_options(int argc, char** argv, const Defaults& defaults, Options* o, int* exit_code) {
  o->model = defaults.model;
  o->epochs = defaults.epochs;
  o->batch = defaults.batch;
  o->learning_rate = defaults.learning_rate;
  CLI::App app(defaults.description, defaults.program);
  app.option_defaults()->always_capture_default();
  app.add_option("--data", o->data,
                 "folder with the data set's files; without it the program uses images that it draws itself");
  app.add_option("--model", o->model, "lenet5, deep_mnist or resnet20");
  app.add_option("--epochs", o->epochs, "passes over the training images")->check(CLI::Range(1, 100000));
  app.add_option("--batch", o->batch, "images per step")->check(CLI::Range(1, 1 << 20));
  app.add_option("--device", o->device, "cpu:0 or ref:0; the best there is when not given");
  app.add_option("--threads", o->threads, "threads; 0 is one per processor")->check(CLI::Range(0, 1024));
  app.add_option("--seed", o->seed, "of weights, shuffling, dropout and augmentation")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 62));
  app.add_option("--learning-rate", o->learning_rate, "at the start; falls to 0 along half a cosine")
      ->check(CLI::PositiveNumber);
  app.add_option("--checkpoint", o->checkpoint, "folder for checkpoints, made when missing");
  app.add_option("--checkpoint-every", o->checkpoint_every, "steps between checkpoints")->check(CLI::Range(1, 1 << 30));
  app.add_flag("--resume", o->resume,
               "go on from the latest checkpoint in --checkpoint, to the same bits as without a stop");
  app.add_option("--json", o->json, "file for loss and accuracy per epoch");
  app.add_option("--limit", o->limit, "use only the first images of each set, for a quick try")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40));
  app.add_flag("--quiet", o->quiet, "no progress bar");
  try {
    app.parse(argc, argv);
    if (!std::isfinite(o->learning_rate)) throw CLI::ValidationError("--learning-rate must be a finite number");
    if (o->resume && o->checkpoint.empty()) throw CLI::ValidationError("--resume needs --checkpoint DIR");
    return true;
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    *exit_code = 0;
  } catch (const CLI::ParseError& error) {
    print_error(defaults.program, fmt::format("InvalidArgument: {} (see --help)", error.what()));
    *exit_code = 2;
  }
  return false;
}

}  // namespace train_program
