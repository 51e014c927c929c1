// Pooling where the windows tile the image exactly (stride = window, no padding, nothing left over), as nearly all CNNs use it: one
// vector of channels at a time. A pixel's last vector may reach into the next pixel's first channels: it is written first, so that
// these get their own values later. The last windows of a row are done one channel at a time.
//
// Without NaN a maximum is one instruction per pixel, and a row with NaN is rare: each row is taken as if there were none, and once more
// with care where the sum of its pixels says that there may be one.
#pragma once

#include <cstdint>
#include <type_traits>

#include "gradus/backends/cpu/pooling_plan.h"
#include "gradus/backends/cpu/vector.h"

namespace gradus::cpu {

// As many values as a vector holds, or a single one in its first lane, so that both take the same instructions: compilers make branches of
// single comparisons, which cost more than all else here.
template <class T, bool whole>
struct Block {
  static Vector<T> read(const T* p) {
    if constexpr (whole) return load(p);
    Vector<T> value = {};
    value[0] = *p;
    return value;
  }
  static void write(T* p, const Vector<T>& value) {
    if constexpr (whole) {
      store(p, value);
    } else {
      *p = value[0];
    }
  }
};

// What a plan has fused with the pooling: Relu of the pixels, or of the maxima; of gradients, ReluGrad of the pixels' gradients.
enum class PoolRelu { kNone, kBefore, kAfter };

// As formulas::Relu, also of vectors.
template <class V>
[[gnu::always_inline]] inline V pool_relu(V value) {
  return value < V{} ? V{} : value;
}

// `value` takes the place of `best`: it is larger, or the first NaN. Single ampersands keep the loops free of branches.
template <class V>
[[gnu::always_inline]] inline auto replaces(V value, V best) {
  return (value > best) | ((value != value) & (best == best));
}

template <class V>
bool holds_nan(const V& values) {
  const auto is_nan = values != values;
  std::int64_t words[sizeof(V) / sizeof(std::int64_t)], any = 0;
  std::memcpy(words, &is_nan, sizeof(V));
  for (const std::int64_t word : words) any |= word;
  return any != 0;
}

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

// best = the largest of the window's h x w values, of which read(row, column) gives one; NaN, with care, where there is one. Returns the
// sum of the values, which is NaN where one is, or where infinities meet.
template <bool careful, class V, class H, class W, class Read>
[[gnu::always_inline]] inline V find_best(H h, W w, V& best, Read&& read) {
  V sum = best = read(0, 0);
  for (std::int64_t r = 0; r < h; ++r) {
    for (std::int64_t s = r == 0 ? 1 : 0; s < w; ++s) {
      const V value = read(r, s);
      sum += value;
      if constexpr (careful) {
        best = replaces(value, best) ? value : best;
      } else {
        best = value > best ? value : best;
      }
    }
  }
  return sum;
}

// The largest value of each window. Returns whether there may be a NaN: then it is to be done with care.
template <PoolRelu relu, bool careful, class T>
bool max_pool_blocks(const TiledRow& row, const T* x, T* y) {
  Vector<T> sum = {};
  with_window(row, [&](auto h, auto w) {
    row.for_blocks<T>([&](std::int64_t j, std::int64_t k, auto block) {
      const T* const pixels = x + j * w * row.channels + k;
      Vector<T> best;
      sum += find_best<careful>(h, w, best, [&](std::int64_t r, std::int64_t s) GRADUS_INLINE {
        const Vector<T> value = block.read(pixels + r * row.row_step + s * row.channels);
        return relu == PoolRelu::kBefore ? pool_relu(value) : value;
      });
      block.write(y + j * row.channels + k, relu == PoolRelu::kAfter ? pool_relu(best) : best);
    });
  });
  return holds_nan(sum);
}

// dy goes to the first pixel that is the window's largest (or its first NaN), 0 to the others. With kAfter, x's own ReluGrad follows.
template <PoolRelu relu, bool careful, class T>
bool max_pool_grad_blocks(const TiledRow& row, const T* x, const T* dy, T* dx) {
  Vector<T> sum = {};
  with_window(row, [&](auto h, auto w) {
    row.for_blocks<T>([&](std::int64_t j, std::int64_t k, auto block) {
      const T* const pixels = x + j * w * row.channels + k;
      T* const gradients = dx + j * w * row.channels + k;
      const auto read = [&](std::int64_t r, std::int64_t s)
                            GRADUS_INLINE { return block.read(pixels + r * row.row_step + s * row.channels); };
      Vector<T> best;
      sum += find_best<careful>(h, w, best, read);
      const Vector<T> nothing = {};
      Vector<T> left = block.read(dy + j * row.channels + k);  // nothing, once it is given away
      if constexpr (relu == PoolRelu::kAfter) left = best > nothing ? left : nothing;
      for (std::int64_t r = 0; r < h; ++r) {
        for (std::int64_t s = 0; s < w; ++s) {
          const Vector<T> value = read(r, s);
          auto here = value == best;
          if constexpr (careful) here = here | ((value != value) & (best != best));
          block.write(gradients + r * row.row_step + s * row.channels, here ? left : nothing);
          left = here ? nothing : left;
        }
      }
    });
  });
  return holds_nan(sum);
}

template <PoolRelu relu, class T>
void max_pool_row(const TiledRow& row, const T* x, T* y) {
  if (max_pool_blocks<relu, false>(row, x, y)) max_pool_blocks<relu, true>(row, x, y);
}

template <PoolRelu relu, class T>
void max_pool_grad_row(const TiledRow& row, const T* x, const T* dy, T* dx) {
  if (max_pool_grad_blocks<relu, false>(row, x, dy, dx)) max_pool_grad_blocks<relu, true>(row, x, dy, dx);
}

// The mean of each window.
template <class T>
void avg_pool_row(const TiledRow& row, const T* x, T* y) {
  with_window(row, [&](auto h, auto w) {
    const T count = static_cast<T>(h * w);
    row.for_blocks<T>([&](std::int64_t j, std::int64_t k, auto block) {
      const T* const pixels = x + j * w * row.channels + k;
      Vector<T> sum = {};
      for (std::int64_t r = 0; r < h; ++r) {
        for (std::int64_t s = 0; s < w; ++s) sum += block.read(pixels + r * row.row_step + s * row.channels);
      }
      block.write(y + j * row.channels + k, sum / count);
    });
  });
}

// Its gradient: the mean's, divided among the pixels.
template <class T>
void avg_pool_grad_row(const TiledRow& row, const T* dy, T* dx) {
  with_window(row, [&](auto h, auto w) {
    const T count = static_cast<T>(h * w);
    row.for_blocks<T>([&](std::int64_t j, std::int64_t k, auto block) {
      T* const gradients = dx + j * w * row.channels + k;
      const auto share = block.read(dy + j * row.channels + k) / count;
      for (std::int64_t r = 0; r < h; ++r) {
        for (std::int64_t s = 0; s < w; ++s) block.write(gradients + r * row.row_step + s * row.channels, share);
      }
    });
  });
}

}  // namespace gradus::cpu
