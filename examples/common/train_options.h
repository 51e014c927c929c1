// The command line of the training programs.
#pragma once

#include <cstdint>
#include <string>

namespace train_program {

struct Options {
  std::string data;  // directory; empty: the program's own data
  std::string model;
  int epochs = 3;
  int batch = 64;
  std::string device;  // empty: the best there is
  int threads = 0;
  std::int64_t seed = 1;
  double learning_rate = 0.05;
  std::string checkpoint;  // directory; empty: none are written
  int checkpoint_every = 200;
  bool resume = false;
  std::string json;
  std::int64_t limit = 0;  // images per set, 0: all
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

// Reads argv. Returns true when the program should go on; otherwise *exit_code is 0 after --help or 2 after a mistake, which was
// printed as one line "train_mnist: InvalidArgument: ...".
bool parse_options(int argc, char** argv, const Defaults& defaults, Options* options, int* exit_code);

// One line on stderr, "PROGRAM: TEXT", whatever the text holds.
void print_error(const std::string& program, std::string text);

}  // namespace train_program
