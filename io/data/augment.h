// Random changes to training images, and normalisation. Applied as batches are made; the set itself stays as it is.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/core/tensor.h"

namespace gradus::io {

enum class Fill {
  kZero,     // black
  kReflect,  // the image mirrored at its border, without repeating the border itself
};

struct Augmentation {
  int shift = 0;         // moves the image by -shift..shift pixels, each way independently; less than the image's size
  int crop_padding = 0;  // pads every side by this much and cuts the original size out at a random place
  bool flip = false;     // mirrors left and right with probability 1/2
  Fill fill = Fill::kZero;         // what shift and crop_padding bring in from outside
  std::vector<float> mean = {};    // per channel, or one for all; afterwards x = (x - mean) / stddev, with x in 0..1
  std::vector<float> stddev = {};  // both or neither; all above 0
  std::uint64_t seed = 0;
};

// Throws InvalidArgument unless the options fit images of shape [N,H,W,C].
void check_augmentation(const Augmentation& augmentation, const Shape& images);

// An image of a set and what becomes of it: a window of the image's own size, whose first pixel is (top, left), is cut out, and then
// mirrored left to right or not.
struct ImageChoice {
  std::int64_t index = 0;
  std::int64_t top = 0, left = 0;  // may be negative
  bool mirrored = false;
};

// What the augmentation does with image `index`, a function of its seed, `stream`, which distinguishes passes, and the index.
ImageChoice choose_image(const Augmentation& augmentation, std::uint64_t stream, std::int64_t index);

// Writes images as they were chosen; made once per pass, since it prepares tables.
class Augmenter {
 public:
  // images: uint8 or float32 [N,H,W,C]. Of the augmentation, `fill`, `mean` and `stddev` are what counts.
  Augmenter(const Tensor& images, const Augmentation& augmentation);
  // Writes H*W*C floats.
  void write(const ImageChoice& choice, float* to) const;

 private:
  template <class T, class Convert>
  void write_moved(const T* from, const ImageChoice& choice, float* to, const Convert& convert) const;
  Tensor images_;
  Augmentation augmentation_;
  std::vector<float> table_;  // [C,256]: the value of each byte in each channel
};

// Per-channel mean and standard deviation over all pixels of uint8 or float32 images [N,H,W,C], with values in 0..1,
// ready for Augmentation. A channel without variation gets stddev 1. Throws InvalidArgument.
struct ChannelStatistics {
  std::vector<float> mean;
  std::vector<float> stddev;
};
ChannelStatistics channel_statistics(const Tensor& images);

}  // namespace gradus::io
