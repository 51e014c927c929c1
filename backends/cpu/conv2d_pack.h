// Copies between tensors and the scratch memory that the convolution kernels compute on. Everything that differs
// between layouts, dtypes and paddings happens here. S is the tensors' element type, T the type computed in.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "gradus/backends/cpu/conv2d_plan.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/vector.h"

namespace gradus::cpu {

// A rectangle of one image's rows and columns, which may reach beyond the image: the rest becomes 0. Of its rows only every row_step-th
// is looked at.
struct Window2D {
  std::int64_t row, column, rows, columns;
  std::int64_t row_step = 1;
};

// to: each of `count` values `repeat` times.
template <class S, class T>
void copy_repeated(const S* from, std::int64_t count, std::int64_t repeat, T* to) {
  if (repeat > 1) {
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t q = 0; q < repeat; ++q) to[i * repeat + q] = static_cast<T>(from[i]);
  } else if constexpr (std::is_same_v<S, T>) {
    // std::copy would be a call, which takes longer than copying a pixel.
    std::int64_t i = 0;
    for (; i + kLanes<T> <= count; i += kLanes<T>) store(to + i, load(from + i));
    for (; i < count; ++i) to[i] = from[i];
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(from[i]);
  }
}

// image: [h][w][channels] or [channels][h][w]; strip: [rows][columns], `pixel` values apart, of [channels * repeat], each channel `repeat`
// times.
template <class S, class T>
void pack_strip(const S* image, DataFormat format, std::int64_t h, std::int64_t w, std::int64_t channels,
                std::int64_t repeat, const Window2D& window, std::int64_t pixel, T* strip) {
  const std::int64_t row_values = window.columns * pixel;
  const std::int64_t begin = std::clamp<std::int64_t>(-window.column, 0, window.columns);
  const std::int64_t end = std::clamp<std::int64_t>(w - window.column, begin, window.columns);
  for (std::int64_t r = 0; r < window.rows; r += window.row_step, strip += window.row_step * row_values) {
    const std::int64_t y = window.row + r;
    if (y < 0 || y >= h) {
      std::fill(strip, strip + row_values, T(0));
      continue;
    }
    std::fill(strip, strip + begin * pixel, T(0));
    std::fill(strip + end * pixel, strip + row_values, T(0));
    T* to = strip + begin * pixel;
    const std::int64_t count = end - begin, x = window.column + begin;
    if (format == DataFormat::kNCHW) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const S* from = image + (c * h + y) * w + x;
        for (std::int64_t q = 0; q < repeat; ++q)
          for (std::int64_t i = 0; i < count; ++i) to[i * pixel + c * repeat + q] = static_cast<T>(from[i]);
      }
      continue;
    }
    const S* from = image + (y * w + x) * channels;
    // All pixels at once where they lie one behind the other.
    const std::int64_t pieces = pixel == channels * repeat ? 1 : count, values = count * channels / pieces;
    for (std::int64_t p = 0; p < pieces; ++p, from += values, to += pixel) copy_repeated(from, values, repeat, to);
  }
}

// The opposite for `pixels` consecutive pixels of one image, from `first` on. strip: [pixels][strip_channels], whose
// channels are `groups` parts of `padded` values; the first channels / groups of each count, and `repeat` neighbours
// add up to one channel.
struct StripChannels {
  std::int64_t channels, groups, padded, repeat;
  std::int64_t strip_channels() const { return groups * padded; }
};
template <class S, class T>
void unpack_strip(const T* strip, const StripChannels& s, DataFormat format, std::int64_t image_pixels,
                  std::int64_t first, std::int64_t pixels, S* image) {
  const std::int64_t per_group = s.channels / s.groups;
  const std::int64_t pixel_step = format == DataFormat::kNHWC ? s.channels : 1;
  const std::int64_t channel_step = format == DataFormat::kNHWC ? 1 : image_pixels;
  S* to = image + first * pixel_step;
  if constexpr (std::is_same_v<S, T>) {
    if (s.groups == 1 && s.padded == s.channels && channel_step == 1) {
      std::copy(strip, strip + pixels * s.channels, to);
      return;
    }
    if (s.groups == 1 && s.padded % kLanes<T> == 0 && s.repeat == 1 && channel_step == 1) {
      // Whole vectors, each pixel's surplus overwritten by the next pixel; the last few are copied exactly.
      const std::int64_t surplus = s.padded - s.channels;
      std::int64_t p = 0;
      for (; p < pixels && (pixels - p - 1) * s.channels >= surplus; ++p)
        for (std::int64_t c = 0; c < s.padded; c += kLanes<T>)
          store(to + p * s.channels + c, load(strip + p * s.padded + c));
      for (; p < pixels; ++p) std::copy(strip + p * s.padded, strip + p * s.padded + s.channels, to + p * s.channels);
      return;
    }
  }
  for (std::int64_t g = 0; g < s.groups; ++g) {
    for (std::int64_t c = 0; c < per_group; ++c) {
      const T* from = strip + g * s.padded + c * s.repeat;
      S* plane = to + (g * per_group + c) * channel_step;
      for (std::int64_t p = 0; p < pixels; ++p) {
        T value = from[p * s.strip_channels()];
        for (std::int64_t q = 1; q < s.repeat; ++q) value += from[p * s.strip_channels() + q];
        plane[p * pixel_step] = static_cast<S>(value);
      }
    }
  }
}

// One column of vectors ("panel") of a group's filter: [filter_rows][width], columns from `column` on, 0 beyond the
// last. The filter is the tensor [taps][group_in][out_channels]; for backprop_input its two channel dimensions change
// places.
template <class S, class T>
void pack_panel(const ConvPlan& plan, const Phase& phase, const S* filter, std::int64_t group, std::int64_t column,
                std::int64_t width, T* packed) {
  const ConvGeometry& g = plan.geometry;
  const std::int64_t source_step = plan.to_input ? 1 : g.out_channels;
  const std::int64_t dest_step = plan.to_input ? g.out_channels : 1;
  const std::int64_t columns = std::min(width, plan.dest.group_channels - column);
  for (const std::int64_t tap : phase.filter_taps) {
    const S* from = filter + tap * g.group_in() * g.out_channels + group * g.group_out() + column * dest_step;
    for (std::int64_t row = 0; row < plan.source.group_channels; ++row, packed += width) {
      for (std::int64_t k = 0; k < columns; ++k) packed[k] = static_cast<T>(from[row * source_step + k * dest_step]);
      std::fill(packed + columns, packed + width, T(0));
    }
  }
}

}  // namespace gradus::cpu
