// A complete training program: model, optimiser, checkpoints, resuming, Ctrl-C, a JSON log. train_mnist and train_cifar10 add
// their data.
#pragma once

#include <functional>

#include <gradus/gradus.h>

#include "train_options.h"

namespace train_program {

struct Setup {
  Defaults defaults;
  double l2 = 0.0;
  gradus::io::Augmentation augmentation =
      {};  // of the training images; mean and stddev are used for the test images too
  std::function<gradus::io::ImageDataset(const Options&)> load;
};

// The digits for programs that are given no data: as many as asked for, but no more than --limit of each set, so that a short run need
// not draw them all.
gradus::io::ImageDataset drawn_digits(gradus::io::SyntheticDigits digits, const Options& options);

// Runs the program; returns its exit code: 0, 2 after bad use or a failure (one line on stderr), 130 after Ctrl-C.
int run(int argc, char** argv, const Setup& setup);

}  // namespace train_program
