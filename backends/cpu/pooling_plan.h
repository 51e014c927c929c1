// Which windows there are, which pixels lie under each, and how threads share them: the bookkeeping of pooling.cc.
#pragma once

#include <algorithm>
#include <type_traits>
#include <vector>

#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/formulas/unary.h"
#include "gradus/ops/pooling.h"

namespace gradus::cpu {

inline constexpr std::int64_t kPoolBlock = 64;  // channels handled together: in registers and first-level cache

// Some channels of one window; of an image with one channel, some windows side by side. Value k of each pixel under it lies `step` * k
// behind the first.
struct PoolWindow {
  std::int64_t image, result;  // where these values begin: in pixel 0 of the window's image, in the pooled tensor
  // The real pixels under the window, which the padding has no part in: so many rows and columns from pixel `first` of the image on.
  std::int64_t first, rows, columns;
  std::int64_t row_step, column_step;

  std::int64_t taps() const { return rows * columns; }
  // f(position of the pixel from the image's, number of the tap) in row-major order.
  template <class F>
  void for_taps(F&& f) const {
    std::int64_t tap = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t s = 0; s < columns; ++s) f(first + r * row_step + s * column_step, tap++);
    }
  }
};

// What a pooling kernel keeps from prepare().
struct PoolPlan {
  WindowGeometry g;
  std::int64_t images = 0, channels = 0;         // a plane of NCHW counts as an image of one channel
  std::vector<WindowAxis::Range> rows, columns;  // taps inside the image, per window position

  PoolPlan(const PoolAttrs& attrs, const Shape& image) : g(pool_geometry(attrs, image, true)) {
    const bool nhwc = attrs.data_format == DataFormat::kNHWC;
    images = nhwc ? g.batch : g.batch * g.channels;
    channels = nhwc ? g.channels : 1;
    for (std::int64_t i = 0; i < g.rows.out; ++i) rows.push_back(g.rows.taps_inside(i));
    for (std::int64_t j = 0; j < g.columns.out; ++j) columns.push_back(g.columns.taps_inside(j));
  }

  std::int64_t row_size() const { return g.columns.in * channels; }
  std::int64_t image_size() const { return g.rows.in * row_size(); }

  // f(window, number of values, step between them) for row i of the windows over image n, block by block.
  template <class F>
  void for_row(std::int64_t n, std::int64_t i, F&& f) const {
    constexpr std::integral_constant<std::int64_t, 1> kOne;
    constexpr std::integral_constant<std::int64_t, 2> kTwo;
    const auto [top, bottom] = rows[static_cast<std::size_t>(i)];
    for (std::int64_t j = 0; j < g.columns.out;) {
      const auto [left, right] = columns[static_cast<std::size_t>(j)];
      PoolWindow window{.image = n * image_size(),
                        .result = ((n * g.rows.out + i) * g.columns.out + j) * channels,
                        .first = g.rows.pixel(i, top) * row_size() + g.columns.pixel(j, left) * channels,
                        .rows = bottom - top,
                        .columns = right - left,
                        .row_step = row_size(),
                        .column_step = channels};
      if (channels != 1) {  // none where there are none
        for (std::int64_t k = 0; k < channels; k += kPoolBlock) {
          f(window, std::min(kPoolBlock, channels - k), kOne);
          window.image += kPoolBlock;
          window.result += kPoolBlock;
        }
        ++j;
        continue;
      }
      const std::int64_t end = std::min(alike_from(j), j + kPoolBlock), step = g.columns.stride;
      step == 1 ? f(window, end - j, kOne) : step == 2 ? f(window, end - j, kTwo) : f(window, end - j, step);
      j = end;
    }
  }

  // The first window behind j of which other taps are inside the image.
  std::int64_t alike_from(std::int64_t j) const {
    const auto [left, right] = columns[static_cast<std::size_t>(j)];
    while (++j < g.columns.out) {
      const auto [next_left, next_right] = columns[static_cast<std::size_t>(j)];
      if (next_left != left || next_right != right) break;
    }
    return j;
  }

  // The first row of the image that belongs to the windows of row i, when windows do not overlap in rows.
  std::int64_t band_begin(std::int64_t i, std::int64_t bands) const {
    return i == 0 ? 0 : i == bands ? g.rows.in : std::clamp<std::int64_t>(g.rows.pixel(i, 0), 0, g.rows.in);
  }
};

// f(window, number of values, step) for all windows, in parallel: what is computed per window.
template <class F>
void for_windows(KernelContext& c, F&& f) {
  const auto& p = c.kept<PoolPlan>();
  const std::int64_t work = p.g.columns.out * p.channels * p.g.rows.window * p.g.columns.window;
  c.parallel_for(p.images * p.g.rows.out, items_per_chunk(work), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) p.for_row(row / p.g.rows.out, row % p.g.rows.out, f);
  });
}

// Fills output 0, of the image's shape, with the sums that f(window, number of values, step, sums of its image) adds. Where windows do
// not overlap in rows, each row of windows owns a band of the image, and bands run in parallel; otherwise images do. Either way a
// pixel's terms are added in one fixed order. Sums of 16-bit numbers are kept in float32, in scratch memory of one image per worker.
// Where `relu`, of the image's shape, is not nullptr, ReluGrad follows: only the sums of pixels at which it is positive stay.
template <class T, class F>
void scatter_windows(KernelContext& c, const T* relu, F&& f) {
  using U = Compute<T>;
  const auto& p = c.kept<PoolPlan>();
  T* const result = c.output(0).data<T>();
  const bool disjoint = p.g.rows.stride >= p.g.rows.window && p.g.rows.out > 0;
  const std::int64_t bands = disjoint ? p.g.rows.out : 1;
  const std::int64_t chunk = items_per_chunk(p.image_size() / bands);
  c.parallel_for_worker(p.images * bands, chunk, [&](std::int64_t begin, std::int64_t end, int worker) {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t n = unit / bands, band = unit % bands;
      T* const image = result + n * p.image_size();
      U* sums = nullptr;
      if constexpr (std::is_same_v<T, U>) {
        sums = image;
      } else {
        sums = c.scratch<U>() + worker * p.image_size();
      }
      const std::int64_t from = p.band_begin(band, bands) * p.row_size();
      const std::int64_t to = p.band_begin(band + 1, bands) * p.row_size();
      std::fill(sums + from, sums + to, U{0});
      const auto add = [&](const PoolWindow& window, std::int64_t width, auto step) {
        f(window, width, step, sums + (window.image - n * p.image_size()));
      };
      for (std::int64_t i = disjoint ? band : 0; i < (disjoint ? band + 1 : p.g.rows.out); ++i) p.for_row(n, i, add);
      if (relu != nullptr) {
        const T* const gate = relu + n * p.image_size();
        for (std::int64_t e = from; e < to; ++e) {
          image[e] = static_cast<T>(formulas::ReluGrad{}(sums[e], static_cast<U>(gate[e])));
        }
      } else if constexpr (!std::is_same_v<T, U>) {
        for (std::int64_t e = from; e < to; ++e) image[e] = static_cast<T>(sums[e]);
      }
    }
  });
}

}  // namespace gradus::cpu
