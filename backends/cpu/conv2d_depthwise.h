// What depthwise convolutions have in common: where the source's pixels lie, and which taps of the window see one. Tensors that allow it
// are read in place: beside so few products a copy would take a third of the time. Then the pixels along the border have fewer taps; a
// copy has zeros around the image.
#pragma once

#include "gradus/backends/cpu/conv2d_strips.h"

namespace gradus::cpu {

// Pixel (row, column) of the source: values + (row - first_row) * row_step + (column - first_column) * pixel_step.
template <class T>
struct SourcePixels {
  const T* values;
  std::int64_t first_row, first_column, row_step, pixel_step;
  bool in_place;

  const T* at(std::int64_t row, std::int64_t column) const {
    return values + (row - first_row) * row_step + (column - first_column) * pixel_step;
  }
};

// Whether channels lie side by side in the tensor as they do in a strip, and at least half of its columns see it under all taps. S: the
// tensors' element type, T: what is computed in.
template <class S, class T>
bool is_read_in_place(const ConvPlan& plan) {
  const WindowAxis& columns = plan.geometry.columns;
  return std::is_same_v<S, T> && plan.geometry.data_format == DataFormat::kNHWC && plan.source.repeat == 1 &&
         2 * (columns.window - 1) * columns.dilation <= columns.in;
}

// Of a strip whose image is `image`, or whose copy is `memory`.
template <class S, class T>
SourcePixels<T> source_pixels(const ConvPlan& plan, const S* image, const T* memory, std::int64_t strip) {
  const std::int64_t pixel = plan.source.strip_channels;
  if constexpr (std::is_same_v<S, T>) {
    if (is_read_in_place<S, T>(plan))
      return {image, 0, 0, plan.source.w * plan.source.channels, plan.source.channels, true};
  }
  return {memory, plan.source_row(strip), plan.strips.first_column, plan.strips.columns * pixel, pixel, false};
}

// A vector or a single value.
template <class V, class T>
V load_as(const T* p) {
  if constexpr (std::is_same_v<V, T>)
    return *p;
  else
    return load(p);
}

// The steps [begin, end) of an axis see the source under its taps [first, last) alone, which may be none.
struct EqualTaps {
  std::int64_t begin, end;
  std::size_t first, last;
};
// f(part) for the parts of steps [begin, end), one after the other. `all`: no tap lies beside the source.
template <class F>
void for_equal_taps(const AxisPhase& axis, std::int64_t begin, std::int64_t end, std::int64_t size, bool all, F&& f) {
  const auto taps_of = [&](std::int64_t step) {
    std::size_t first = 0, last = axis.taps.size();
    if (all) return std::pair(first, last);
    const std::int64_t at = step * axis.source_step;
    while (first < last && at + axis.taps[first].offset < 0) ++first;
    while (first < last && at + axis.taps[last - 1].offset >= size) --last;
    return std::pair(first, last);
  };
  while (begin < end) {
    const auto taps = taps_of(begin);
    std::int64_t next = begin + 1;
    while (next < end && taps_of(next) == taps) ++next;
    f(EqualTaps{begin, next, taps.first, taps.second});
    begin = next;
  }
}

// Pixels of the source from one tap to the next: the same for all, since only the first and last taps may be left out.
inline std::int64_t tap_distance(const AxisPhase& axis) {
  return axis.taps.size() > 1 ? axis.taps[1].offset - axis.taps[0].offset : 0;
}

}  // namespace gradus::cpu
