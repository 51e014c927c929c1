// A batch of images in memory, in either data format, as kernels address it.
#pragma once

#include <cstdint>

#include "gradus/core/shape.h"
#include "gradus/ops/image_format.h"

namespace gradus::cuda {

struct Image {
  std::int64_t batch, rows, columns, channels;
  std::int64_t stride_n, stride_y, stride_x, stride_c;  // in elements

  Image(const Shape& shape, DataFormat format) {
    const ImageAxes axes = image_axes(format);
    batch = shape[axes.batch], rows = shape[axes.height], columns = shape[axes.width], channels = shape[axes.channels];
    if (format == DataFormat::kNHWC) {
      stride_c = 1, stride_x = channels, stride_y = columns * stride_x, stride_n = rows * stride_y;
    } else {
      stride_x = 1, stride_y = columns, stride_c = rows * stride_y, stride_n = channels * stride_c;
    }
  }
  constexpr std::int64_t size() const { return batch * rows * columns * channels; }
  constexpr std::int64_t at(std::int64_t n, std::int64_t y, std::int64_t x, std::int64_t c) const {
    return n * stride_n + y * stride_y + x * stride_x + c * stride_c;
  }
};

// The place of one element.
struct Pixel {
  std::int64_t n, y, x, c;
};
// Of element i in an order in which neighbours lie next to each other in memory, as the threads of a warp should.
constexpr Pixel pixel_of(const Image& image, std::int64_t i) {
  Pixel p{};
  if (image.stride_c == 1) {
    p.c = i % image.channels, i /= image.channels;
    p.x = i % image.columns, i /= image.columns;
    p.y = i % image.rows, p.n = i / image.rows;
  } else {
    p.x = i % image.columns, i /= image.columns;
    p.y = i % image.rows, i /= image.rows;
    p.c = i % image.channels, p.n = i / image.channels;
  }
  return p;
}

constexpr bool is_within(std::int64_t i, std::int64_t size) { return i >= 0 && i < size; }

}  // namespace gradus::cuda
