// The command line of the training programs.
#pragma once

#include <cstdint>
#include <string>

#include "options.h"

namespace train_program {

struct Options {
  std::string data;  // directory; empty: the program's own data
  std::string model;
  int epochs = 3;
  int batch = 64;
  std::string device;  // empty: the best there is
  int threads = 0;
  std::string conv_algorithm = "auto";
  std::int64_t seed = 1;
  double learning_rate = 0.05;
  std::string checkpoint;  // directory; empty: none are written
  int checkpoint_every = 200;
  bool resume = false;
  std::string json;
  std::int64_t limit = 0;  // images per set, 0: all
  bool data_on_device = false;
  bool recompute = false;
  bool quiet = false;
};

// What a program sets before the options are read.
struct Defaults {
  std::string program;      // "train_mnist"
  std::string description;  // for --help
  std::string model;
  int epochs = 3;
  int batch = 64;
  double learning_rate = 0.05;
};

// The table of options, which writes to *options when it is parsed; *options gets the defaults first.
example::Options describe_options(const Defaults& defaults, Options* options);

}  // namespace train_program
