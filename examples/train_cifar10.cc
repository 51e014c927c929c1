// Trains ResNet-20 (or another model) on CIFAR-10's binary version, with random crops and flips.
//
//   train_cifar10 --data cifar-10-batches-bin --epochs 30
//
// Without --data it trains on drawn digits, coloured and enlarged to 32x32, only to show that everything runs. Prints a progress
// bar per epoch, loss and test accuracy after each, and as the last line `test accuracy: 0.NNNN`. An epoch of CIFAR-10 with
// resnet20 takes about five minutes on two cores.
#include "common/train_program.h"

namespace {

namespace gd = gradus;

// Drawn digits in the middle of 32x32 images of three channels; the digit's colour depends on its index.
gd::io::ImageSet coloured(const gd::io::ImageSet& digits) {
  gd::io::ImageSet result = digits;
  const gd::Tensor from = digits.images.cast(gd::DType::kUInt8);
  result.images = gd::Tensor::zeros(gd::DType::kUInt8, {digits.size(), 32, 32, 3});
  for (std::int64_t n = 0; n < digits.size(); ++n) {
    for (std::int64_t p = 0; p < 28 * 28; ++p) {
      for (std::int64_t c = 0; c < 3; ++c) {
        const int value = from.data<std::uint8_t>()[n * 28 * 28 + p];
        const std::int64_t to = ((n * 32 + p / 28 + 2) * 32 + p % 28 + 2) * 3 + c;
        result.images.data<std::uint8_t>()[to] = static_cast<std::uint8_t>((n >> c) & 1 ? value : value / 3);
      }
    }
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const train_program::Setup setup{
      .defaults = {.program = "train_cifar10",
                   .description = "Trains ResNet-20 on CIFAR-10.",
                   .model = "resnet20",
                   .epochs = 30,
                   .batch = 128,
                   .learning_rate = 0.1},
      .l2 = 1e-4,
      // The channels' mean and standard deviation over CIFAR-10's training images, in 0..1.
      .augmentation = {.crop_padding = 4,
                       .flip = true,
                       .mean = {0.4914F, 0.4822F, 0.4465F},
                       .stddev = {0.2470F, 0.2435F, 0.2616F}},
      .load = [](const train_program::Options& options) {
        if (!options.data.empty()) return gd::io::load_cifar10(options.data);
        const gd::io::ImageDataset digits =
            train_program::drawn_digits({.seed = 1, .train = 2000, .test = 500}, options);
        return gd::io::ImageDataset{coloured(digits.train), coloured(digits.test)};
      }};
  return train_program::run(argc, argv, setup);
}
