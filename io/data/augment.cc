#include "gradus/io/data/augment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradus/core/philox.h"

namespace gradus::io {
namespace {

constexpr std::uint64_t kAugmentStream = 0x6175676d656e7400;  // keeps these numbers apart from those of other purposes

// A number in -range..range from 16 random bits.
std::int64_t centred(std::uint32_t bits, int range) {
  return static_cast<std::int64_t>((bits & 0xffff) * static_cast<std::uint32_t>(2 * range + 1) >> 16) - range;
}

// Position outside 0..size-1 mirrored back inside: -1 is 1, size is size-2.
std::int64_t reflect(std::int64_t position, std::int64_t size) {
  if (position < 0) position = -position;
  return position < size ? position : 2 * (size - 1) - position;
}

}  // namespace

void check_augmentation(const Augmentation& a, const Shape& images) {
  const std::int64_t smallest = std::min(images[1], images[2]);
  if (a.shift < 0 || a.crop_padding < 0 ||
      std::int64_t{a.shift} + a.crop_padding >= std::max<std::int64_t>(smallest, 1)) {
    throw invalid_argument(
        fmt::format("shift {} and crop_padding {} must not be negative, and together be less than the image's "
                    "size: images {} NHWC",
                    a.shift, a.crop_padding, images.to_string()));
  }
  const auto channels = static_cast<std::size_t>(images[3]);
  if (a.mean.size() != a.stddev.size() || (a.mean.size() > 1 && a.mean.size() != channels)) {
    throw invalid_argument(
        fmt::format("mean and stddev need one value or one per channel; got {} and {} for images {} NHWC",
                    a.mean.size(), a.stddev.size(), images.to_string()));
  }
  for (float m : a.mean) {
    if (!std::isfinite(m)) throw invalid_argument(fmt::format("mean must be finite; got {}", m));
  }
  for (float s : a.stddev) {
    if (!(s > 0.0F)) throw invalid_argument(fmt::format("stddev must be above 0; got {}", s));
  }
}

ImageChoice choose_image(const Augmentation& a, std::uint64_t stream, std::int64_t index) {
  ImageChoice choice{.index = index};
  if (a.shift == 0 && a.crop_padding == 0 && !a.flip) return choice;
  const PhiloxStream random(a.seed, mix64(kAugmentStream + stream));
  const auto bits = random.block(static_cast<std::uint64_t>(index));
  choice.top = centred(bits[0], a.shift) + centred(bits[1], a.crop_padding);
  choice.left = centred(bits[0] >> 16, a.shift) + centred(bits[1] >> 16, a.crop_padding);
  choice.mirrored = a.flip && (bits[2] & 1U) != 0;
  return choice;
}

Augmenter::Augmenter(const Tensor& images, const Augmentation& augmentation)
    : images_(images), augmentation_(augmentation) {
  check_augmentation(augmentation, images.shape());
  const auto channels = static_cast<std::size_t>(images.shape()[3]);
  const bool normalises = !augmentation.mean.empty();
  augmentation_.mean.resize(channels, normalises ? augmentation.mean[0] : 0.0F);
  augmentation_.stddev.resize(channels, normalises ? augmentation.stddev[0] : 1.0F);
  for (std::size_t c = 0; c < channels; ++c) {
    for (int byte = 0; byte < 256; ++byte) {
      table_.push_back((static_cast<float>(byte) / 255.0F - augmentation_.mean[c]) / augmentation_.stddev[c]);
    }
  }
}

void Augmenter::write(const ImageChoice& choice, float* to) const {
  const Shape& shape = images_.shape();
  const std::int64_t offset = choice.index * shape[1] * shape[2] * shape[3];
  if (images_.dtype() == DType::kUInt8) {
    const auto convert = [table = table_.data()](std::uint8_t value, std::size_t channel) {
      return table[channel << 8 | value];
    };
    write_moved(images_.data<std::uint8_t>() + offset, choice, to, convert);
  } else {
    const auto convert = [this](float value, std::size_t channel) {
      return (value - augmentation_.mean[channel]) / augmentation_.stddev[channel];
    };
    write_moved(images_.data<float>() + offset, choice, to, convert);
  }
}

template <class T, class Convert>
void Augmenter::write_moved(const T* from, const ImageChoice& choice, float* to, const Convert& convert) const {
  const std::int64_t height = images_.shape()[1];
  const std::int64_t width = images_.shape()[2];
  const std::int64_t channels = images_.shape()[3];
  const bool reflects = augmentation_.fill == Fill::kReflect;
  for (std::int64_t y = 0; y < height; ++y, to += width * channels) {
    const std::int64_t source_y = reflects ? reflect(y + choice.top, height) : y + choice.top;
    const bool row_inside = source_y >= 0 && source_y < height;
    const T* row = from + (row_inside ? source_y : 0) * width * channels;
    if (choice.left == 0 && !choice.mirrored && row_inside &&
        channels == 1) {  // the usual case, kept simple enough to be fast
      for (std::int64_t x = 0; x < width; ++x) to[x] = convert(row[x], 0);
      continue;
    }
    for (std::int64_t x = 0; x < width; ++x) {
      const std::int64_t moved_x = (choice.mirrored ? width - 1 - x : x) + choice.left;
      const std::int64_t source_x = reflects ? reflect(moved_x, width) : moved_x;
      const bool inside = row_inside && source_x >= 0 && source_x < width;
      const T* pixel = row + (inside ? source_x : 0) * channels;
      for (std::int64_t c = 0; c < channels; ++c) {
        to[x * channels + c] = convert(inside ? pixel[c] : T{0}, static_cast<std::size_t>(c));
      }
    }
  }
}

ChannelStatistics channel_statistics(const Tensor& images) {
  const bool bytes = images.defined() && images.dtype() == DType::kUInt8;
  if (!images.defined() || (!bytes && images.dtype() != DType::kFloat32) || images.shape().rank() != 4) {
    throw invalid_argument("channel_statistics needs uint8 or float32 images [N,H,W,C]");
  }
  const std::int64_t channels = images.shape()[3];
  const std::int64_t pixels = channels == 0 ? 0 : images.num_elements() / channels;
  ChannelStatistics result;
  for (std::int64_t c = 0; c < channels; ++c) {
    double sum = 0.0;
    double squares = 0.0;
    for (std::int64_t i = c; i < images.num_elements(); i += channels) {
      const double value =
          bytes ? images.data<std::uint8_t>()[i] / 255.0 : static_cast<double>(images.data<float>()[i]);
      sum += value;
      squares += value * value;
    }
    const double mean = pixels == 0 ? 0.0 : sum / static_cast<double>(pixels);
    const double variance = pixels == 0 ? 0.0 : squares / static_cast<double>(pixels) - mean * mean;
    result.mean.push_back(static_cast<float>(mean));
    result.stddev.push_back(variance > 1e-12 ? static_cast<float>(std::sqrt(variance)) : 1.0F);
  }
  return result;
}

}  // namespace gradus::io
