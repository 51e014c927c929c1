// Image data sets: MNIST and Fashion-MNIST, CIFAR-10, CIFAR-100, and digits that are drawn here, so that examples and
// tests need no download. Nothing is ever fetched from a network; users name a folder with the original files.
// Sets share their memory when copied and may be read from any thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <vector>

#include "gradus/core/tensor.h"
#include "gradus/io/data/batches.h"

namespace gradus::io {

struct ImageSet {
  Tensor
      images;  // [N,H,W,C], uint8 0..255 (a quarter of the memory) or float32 0..1; batches are float32 0..1 either way
  Tensor labels;  // int32 [N], each 0 .. num_classes-1
  int num_classes = 0;
  std::vector<std::string> class_names;

  std::int64_t size() const { return labels.defined() ? labels.shape()[0] : 0; }
  ImageView view() const { return {images, labels}; }
  // See ImageView.
  std::int64_t batches(std::int64_t batch_size) const { return view().batches(batch_size); }
  template <std::integral Seed>
  ImageView shuffled(Seed seed) const {
    return view().shuffled(seed);
  }
  ImageView augmented(const Augmentation& augmentation) const { return view().augmented(augmentation); }
  BatchRange batched(std::int64_t batch_size) const { return view().batched(batch_size); }
  // The first n images (all, when there are fewer), for quick runs. Throws InvalidArgument when n is negative.
  ImageSet first(std::int64_t n) const;
};

struct ImageDataset {
  ImageSet train;
  ImageSet test;
};

// All loaders throw NotFound, saying which files they look for and where; DataLoss (names file and offset) for damaged
// files, labels out of range, and images and labels that differ in number.

// Images [N,28,28,1], ten classes, from train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
// t10k-labels-idx1-ubyte, each plain or with .gz. Any other data in these files' format works as well (the image size
// follows the files), but for the names of the classes: "0" to "9", or Fashion-MNIST's ("T-shirt/top" and so on).
ImageDataset load_mnist(const std::string& directory);
ImageDataset load_fashion_mnist(const std::string& directory);

struct CifarOptions {
  bool coarse_labels = false;  // CIFAR-100: its 20 superclasses instead of its 100 classes
  bool allow_subset = false;   // accept files with fewer or more images than the original ones
};

// Images [N,32,32,3] in RGB from the binary versions: data_batch_1.bin to data_batch_5.bin and test_batch.bin
// (CIFAR-10), train.bin and test.bin (CIFAR-100), in `directory` itself or in the folder of the original archive in it
// (cifar-10-batches-bin, cifar-100-binary). Format: https://www.cs.toronto.edu/~kriz/cifar.html
ImageDataset load_cifar10(const std::string& directory, const CifarOptions& options = {});
ImageDataset load_cifar100(const std::string& directory, const CifarOptions& options = {});

struct SyntheticDigits {
  std::uint64_t seed = 1;
  std::int64_t train = 12000;
  std::int64_t test = 2000;
};

// Digits drawn by strokes: several ways to write each, with random affine warp, bent strokes, thickness, brightness and
// noise. Images [N,28,28,1], ten classes; image i of a split depends on the seed, the split and i alone. About 0.03 ms
// per image. Throws InvalidArgument for negative counts.
ImageDataset synthetic_digits(const SyntheticDigits& options = {});

}  // namespace gradus::io
