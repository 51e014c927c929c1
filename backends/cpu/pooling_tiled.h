// Max-pooling where the windows tile the image exactly (stride = window, no padding, nothing left over), as nearly all
// CNNs use it: one vector of channels at a time. A pixel's last vector may reach into the next pixel's first channels: it
// is written first, so that these get their own values later. The last windows of a row are done one channel at a time.
#pragma once

#include <cstdint>
#include <type_traits>

#include "gradus/backends/cpu/pooling_plan.h"
#include "gradus/backends/cpu/vector.h"

namespace gradus::cpu {

// One vector of values, or a single value: read and written the same way.
template <class T, bool vector>
struct Block {
  static auto read(const T* p) {
    if constexpr (vector) {
      return load(p);
    } else {
      return *p;
    }
  }
  template <class V>
  static void write(T* p, V value) {
    if constexpr (vector) {
      store(p, value);
    } else {
      *p = value;
    }
  }
};

// One row of windows of one image. `x` and `dx` point at its first pixel, `y` and `dy` at its first window.
struct TiledRow {
  std::int64_t windows, channels, window_h, window_w;
  std::int64_t row_step;  // from one row of pixels to the next

  static bool fits(const WindowGeometry& g) {
    const auto tiles = [](const WindowAxis& a) {
      return a.stride == a.window && a.dilation == 1 && a.pad_before == 0 && a.pad_after == 0 &&
             a.out * a.window == a.in;
    };
    return tiles(g.rows) && tiles(g.columns);
  }

  // f(window, channel, Block<T, whole vector>()) for every window and vector (or, at the end, single one) of channels.
  template <class T, class F>
  void for_blocks(F&& f) const {
    const std::int64_t padded = (channels + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
    for (std::int64_t j = 0; j < windows; ++j) {
      if ((windows - j) * channels >= padded) {
        for (std::int64_t k = padded - kLanes<T>; k >= 0; k -= kLanes<T>) f(j, k, Block<T, true>());
      } else {
        for (std::int64_t k = 0; k < channels; ++k) f(j, k, Block<T, false>());
      }
    }
  }
};

// f(row, first value of its pixels, first value of its windows) for every row of windows, in parallel. False, and nothing done, where
// the windows do not tile the image or where there is one channel.
template <class F>
bool for_tiled_rows(KernelContext& c, F&& f) {
  const auto& p = c.kept<PoolPlan>();
  if (p.channels == 1 || !TiledRow::fits(p.g)) return false;
  const TiledRow row{p.g.columns.out, p.channels, p.g.rows.window, p.g.columns.window, p.row_size()};
  const std::int64_t pixels = row.window_h * row.row_step;
  c.parallel_for(p.images * p.g.rows.out, items_per_chunk(pixels), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) f(row, i * pixels, i * row.windows * row.channels);
  });
  return true;
}

// Calls f(h, w) with the window's sizes, as compile-time constants for the most frequent windows.
template <class F>
void with_window(const TiledRow& row, F&& f) {
  if (row.window_h == 2 && row.window_w == 2) {
    constexpr std::integral_constant<std::int64_t, 2> kTwo;
    f(kTwo, kTwo);
  } else {
    f(row.window_h, row.window_w);
  }
}

// The largest value of each window; NaN where there is one.
template <class T>
void max_pool_row(const TiledRow& row, const T* x, T* y) {
  with_window(row, [&](auto h, auto w) {
    row.for_blocks<T>([&](std::int64_t j, std::int64_t k, auto block) {
      const T* const pixels = x + j * w * row.channels + k;
      auto best = block.read(pixels);
      for (std::int64_t r = 0; r < h; ++r) {
        for (std::int64_t s = 0; s < w; ++s) {
          const auto value = block.read(pixels + r * row.row_step + s * row.channels);
          best = ((value > best) | (value != value)) ? value : best;
        }
      }
      block.write(y + j * row.channels + k, best);
    });
  });
}

// dy goes to the first pixel that is the window's largest (or its first NaN), 0 to the others.
template <class T>
void max_pool_grad_row(const TiledRow& row, const T* x, const T* dy, T* dx) {
  with_window(row, [&](auto h, auto w) {
    row.for_blocks<T>([&](std::int64_t j, std::int64_t k, auto block) {
      const T* const pixels = x + j * w * row.channels + k;
      T* const gradients = dx + j * w * row.channels + k;
      auto best = block.read(pixels);
      for (std::int64_t r = 0; r < h; ++r) {
        for (std::int64_t s = 0; s < w; ++s) {
          const auto value = block.read(pixels + r * row.row_step + s * row.channels);
          best = ((value > best) | ((value != value) & (best == best))) ? value : best;
        }
      }
      const auto nothing = decltype(best){};
      auto left = block.read(dy + j * row.channels + k);  // nothing, once it is given away
      for (std::int64_t r = 0; r < h; ++r) {
        for (std::int64_t s = 0; s < w; ++s) {
          const std::int64_t pixel = r * row.row_step + s * row.channels;
          const auto value = block.read(pixels + pixel);
          const auto here = (value == best) | ((value != value) & (best != best));
          block.write(gradients + pixel, here ? left : nothing);
          left = here ? nothing : left;
        }
      }
    });
  });
}

}  // namespace gradus::cpu
