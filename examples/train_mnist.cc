// Trains a small CNN on MNIST (or Fashion-MNIST: the same file format), or, without --data, on digits that it draws itself.
//
//   train_mnist --data DIR --model lenet5 --epochs 3 --seed 1
//
// Prints a progress bar per epoch, loss and test accuracy after each, and as the last line `test accuracy: 0.NNNN`. On two cores
// the drawn digits take some ten seconds, MNIST with lenet5 about half a minute, with deep_mnist some minutes.
#include "common/train_program.h"

int main(int argc, char** argv) {
  const train_program::Setup setup{
      .defaults = {.program = "train_mnist",
                   .description = "Trains a small CNN on MNIST, or on digits that it draws itself.",
                   .model = "lenet5"},
      .load = [](const train_program::Options& options) {
        return options.data.empty() ? train_program::drawn_digits({.seed = 1}, options)
                                    : gradus::io::load_mnist(options.data);
      }};
  return train_program::run(argc, argv, setup);
}
