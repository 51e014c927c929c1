// Pooling, vectorised over channels. An NCHW image is taken as one image of a single channel per plane, so one set of loops
// serves both layouts; with one channel the compiler gets scalar loops.
//
// Gradients scatter from windows to pixels. Where windows do not overlap in rows, each row of windows owns a band of the image
// and bands run in parallel; otherwise images do. Either way a pixel's contributions are added in one fixed order.
#include "gradus/ops/pooling.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/pooling_tiled.h"

namespace gradus::cpu {
namespace {

constexpr std::int64_t kChunkElements = 16384;
constexpr std::int64_t kBlock = 64;  // channels that are handled together, in registers and first-level cache

template <class T>
using Compute = std::conditional_t<std::is_same_v<T, Float16>, float, T>;
// Of the same width as the values, so that both fill vector registers alike.
template <class T>
using TapIndex = std::conditional_t<sizeof(Compute<T>) == 8, std::int64_t, std::int32_t>;

// What a kernel of this file keeps from prepare().
struct Plan {
  WindowGeometry g;
  std::int64_t images = 0, channels = 0;
  std::vector<WindowAxis::Range> rows, columns;  // taps inside the image, per window position

  Plan(const PoolAttrs& attrs, const Shape& image) : g(pool_geometry(attrs, image)) {
    const bool nhwc = attrs.data_format == DataFormat::kNHWC;
    images = nhwc ? g.batch : g.batch * g.channels;
    channels = nhwc ? g.channels : 1;
    for (std::int64_t i = 0; i < g.rows.out; ++i) rows.push_back(g.rows.taps_inside(i));
    for (std::int64_t j = 0; j < g.columns.out; ++j) columns.push_back(g.columns.taps_inside(j));
  }

  std::int64_t image_size() const { return g.rows.in * g.columns.in * channels; }
  std::int64_t window(std::int64_t n, std::int64_t i, std::int64_t j) const {
    return ((n * g.rows.out + i) * g.columns.out + j) * channels;
  }
  std::int64_t taps(std::int64_t i, std::int64_t j) const {
    return rows[static_cast<std::size_t>(i)].size() * columns[static_cast<std::size_t>(j)].size();
  }
  // f(position of the pixel's first channel within its image, number of the tap) for the real pixels of window [i, j], in
  // row-major order.
  template <class F>
  void for_taps(std::int64_t i, std::int64_t j, F&& f) const {
    const auto [r_begin, r_end] = rows[static_cast<std::size_t>(i)];
    const auto [s_begin, s_end] = columns[static_cast<std::size_t>(j)];
    std::int64_t tap = 0;
    for (std::int64_t r = r_begin; r < r_end; ++r) {
      const std::int64_t first = (g.rows.pixel(i, r) * g.columns.in + g.columns.pixel(j, s_begin)) * channels;
      for (std::int64_t s = 0; s < s_end - s_begin; ++s) f(first + s * channels, tap++);
    }
  }
  // The first row of the image that belongs to the windows of row i, when windows do not overlap in rows.
  std::int64_t band_begin(std::int64_t i, std::int64_t bands) const {
    return i == 0 ? 0 : i == bands ? g.rows.in : std::clamp<std::int64_t>(g.rows.pixel(i, 0), 0, g.rows.in);
  }
};

const Plan& plan(const KernelContext& c) { return *static_cast<const Plan*>(c.state.get()); }

// Which operand or result has the image's shape.
const Shape& image_shape_of(KernelContext& c, bool backward) { return backward ? c.output(0).shape() : c.input(0).shape(); }

template <bool backward>
void prepare(KernelContext& c) {
  auto state = std::make_shared<Plan>(c.attrs<PoolAttrs>(), image_shape_of(c, backward));
  if (backward && c.output(0).dtype() == DType::kFloat16) {  // sums of float16 are kept in float32, one image per worker
    c.request_scratch(sizeof(float) * static_cast<std::size_t>(c.num_workers() * state->image_size()));
  }
  c.state = std::move(state);
}

// f(n, i, j, first channel, number of channels) for every window and block of channels, in parallel over rows of windows.
template <class F>
void for_windows(KernelContext& c, const Plan& p, F&& f) {
  const std::int64_t row = std::max<std::int64_t>(p.g.columns.out * p.channels * p.g.rows.window * p.g.columns.window, 1);
  c.parallel_for(p.images * p.g.rows.out, kChunkElements / row + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      for (std::int64_t j = 0; j < p.g.columns.out; ++j) {
        for (std::int64_t k = 0; k < p.channels; k += kBlock) {
          f(unit / p.g.rows.out, unit % p.g.rows.out, j, k, std::min(kBlock, p.channels - k));
        }
      }
    }
  });
}

// Fills the result with the sums that f(n, i, j, first channel, number of channels, sums of image n) adds per window.
template <class T, class F>
void scatter_windows(KernelContext& c, const Plan& p, F&& f) {
  using U = Compute<T>;
  T* const result = c.output(0).data<T>();
  const bool disjoint = p.g.rows.stride >= p.g.rows.window && p.g.rows.out > 0;
  const std::int64_t bands = disjoint ? p.g.rows.out : 1, row = p.g.columns.in * p.channels;
  const std::int64_t chunk = kChunkElements / std::max<std::int64_t>(p.image_size() / bands, 1) + 1;
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
      const std::int64_t from = p.band_begin(band, bands) * row, to = p.band_begin(band + 1, bands) * row;
      std::fill(sums + from, sums + to, U{0});
      for (std::int64_t i = disjoint ? band : 0; i < (disjoint ? band + 1 : p.g.rows.out); ++i) {
        for (std::int64_t j = 0; j < p.g.columns.out; ++j) {
          for (std::int64_t k = 0; k < p.channels; k += kBlock) f(n, i, j, k, std::min(kBlock, p.channels - k), sums);
        }
      }
      if constexpr (!std::is_same_v<T, U>) {
        for (std::int64_t e = from; e < to; ++e) image[e] = static_cast<T>(sums[e]);
      }
    }
  });
}

// Calls f(width), with the width as a compile-time constant where it is 1.
template <class F>
void with_width(std::int64_t width, F&& f) {
  if (width == 1) {
    f(std::integral_constant<std::int64_t, 1>{});
  } else {
    f(width);
  }
}

// f(row, first value of its pixels, first value of its windows) for every row of windows, where TiledRow can be used.
template <class T, class F>
bool for_tiled_rows(KernelContext& c, const Plan& p, F&& f) {
  if (p.channels == 1 || !TiledRow::fits(p.g)) return false;
  const TiledRow row{p.g.columns.out, p.channels, p.g.rows.window, p.g.columns.window, p.g.columns.in * p.channels};
  const std::int64_t pixels = row.window_h * row.row_step;
  c.parallel_for(p.images * p.g.rows.out, kChunkElements / std::max<std::int64_t>(pixels, 1) + 1,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = begin; i < end; ++i) f(row, i * pixels, i * row.windows * row.channels);
                 });
  return true;
}

template <class T>
void max_pool(KernelContext& c) {
  using U = Compute<T>;
  const Plan& p = plan(c);
  if constexpr (std::is_same_v<T, U>) {
    const auto tiled = [&](const TiledRow& row, std::int64_t pixel, std::int64_t window) {
      with_window(row, [&](auto h, auto w) {
        max_pool_row(row, h, w, c.input(0).data<T>() + pixel, c.output(0).data<T>() + window);
      });
    };
    if (for_tiled_rows<T>(c, p, tiled)) return;
  }
  const T* const x = c.input(0).data<T>();
  T* const y = c.output(0).data<T>();
  for_windows(c, p, [&](std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t k, std::int64_t channels) {
    const T* const image = x + n * p.image_size() + k;
    with_width(channels, [&](auto width) {
      U best[kBlock];
      std::fill(best, best + width, -std::numeric_limits<U>::infinity());
      p.for_taps(i, j, [&](std::int64_t pixel, std::int64_t) {
        const T* const v = image + pixel;
        for (std::int64_t e = 0; e < width; ++e) {
          const U value = static_cast<U>(v[e]);
          best[e] = value > best[e] || value != value ? value : best[e];
        }
      });
      T* const out = y + p.window(n, i, j) + k;
      for (std::int64_t e = 0; e < width; ++e) out[e] = static_cast<T>(best[e]);
    });
  });
}

// The tap of the first maximum (or first NaN) of window [i, j] for `width` channels of `image`.
template <class T, class Width>
void find_largest(const Plan& p, const T* image, std::int64_t i, std::int64_t j, Width width, TapIndex<T>* where) {
  using U = Compute<T>;
  U best[kBlock];
  std::fill(best, best + width, -std::numeric_limits<U>::infinity());
  std::fill(where, where + width, TapIndex<T>{0});  // of a window that is -infinity throughout
  p.for_taps(i, j, [&](std::int64_t pixel, std::int64_t tap) {
    const T* const v = image + pixel;
    const auto index = static_cast<TapIndex<T>>(tap);
    for (std::int64_t e = 0; e < width; ++e) {
      const U value = static_cast<U>(v[e]);
      const bool larger = value > best[e] || (value != value && best[e] == best[e]);
      best[e] = larger ? value : best[e];
      where[e] = larger ? index : where[e];
    }
  });
}

template <class T>
void max_pool_grad(KernelContext& c) {
  using U = Compute<T>;
  const Plan& p = plan(c);
  if constexpr (std::is_same_v<T, U>) {
    const auto tiled = [&](const TiledRow& row, std::int64_t pixel, std::int64_t window) {
      with_window(row, [&](auto h, auto w) {
        max_pool_grad_row(row, h, w, c.input(0).data<T>() + pixel, c.input(1).data<T>() + window,
                          c.output(0).data<T>() + pixel);
      });
    };
    if (for_tiled_rows<T>(c, p, tiled)) return;
  }
  const T *const x = c.input(0).data<T>(), *const dy = c.input(1).data<T>();
  scatter_windows<T>(c, p, [&](std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t k, std::int64_t channels, U* sums) {
    with_width(channels, [&](auto width) {
      TapIndex<T> where[kBlock];
      find_largest(p, x + n * p.image_size() + k, i, j, width, where);
      const T* const g = dy + p.window(n, i, j) + k;
      p.for_taps(i, j, [&](std::int64_t pixel, std::int64_t tap) {
        U* const sum = sums + pixel + k;
        const auto index = static_cast<TapIndex<T>>(tap);
        for (std::int64_t e = 0; e < width; ++e) sum[e] += where[e] == index ? static_cast<U>(g[e]) : U{0};
      });
    });
  });
}

template <class T>
void max_pool_grad_grad(KernelContext& c) {
  const Plan& p = plan(c);
  const T *const x = c.input(0).data<T>(), *const grad = c.input(1).data<T>();
  T* const y = c.output(0).data<T>();
  for_windows(c, p, [&](std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t k, std::int64_t channels) {
    with_width(channels, [&](auto width) {
      TapIndex<T> where[kBlock];
      const std::int64_t first = n * p.image_size() + k;
      find_largest(p, x + first, i, j, width, where);
      T* const out = y + p.window(n, i, j) + k;
      p.for_taps(i, j, [&](std::int64_t pixel, std::int64_t tap) {
        const T* const v = grad + first + pixel;
        const auto index = static_cast<TapIndex<T>>(tap);
        for (std::int64_t e = 0; e < width; ++e) out[e] = where[e] == index ? v[e] : out[e];
      });
    });
  });
}

template <class T>
void avg_pool(KernelContext& c) {
  using U = Compute<T>;
  const Plan& p = plan(c);
  const T* const x = c.input(0).data<T>();
  T* const y = c.output(0).data<T>();
  for_windows(c, p, [&](std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t k, std::int64_t channels) {
    with_width(channels, [&](auto width) {
      U sum[kBlock] = {};
      const T* const image = x + n * p.image_size() + k;
      p.for_taps(i, j, [&](std::int64_t pixel, std::int64_t) {
        for (std::int64_t e = 0; e < width; ++e) sum[e] += static_cast<U>(image[pixel + e]);
      });
      const U count = static_cast<U>(p.taps(i, j));
      T* const out = y + p.window(n, i, j) + k;
      for (std::int64_t e = 0; e < width; ++e) out[e] = static_cast<T>(sum[e] / count);
    });
  });
}

template <class T>
void avg_pool_grad(KernelContext& c) {
  using U = Compute<T>;
  const Plan& p = plan(c);
  const T* const dy = c.input(1).data<T>();
  scatter_windows<T>(c, p, [&](std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t k, std::int64_t channels, U* sums) {
    with_width(channels, [&](auto width) {
      U share[kBlock];
      const T* const g = dy + p.window(n, i, j) + k;
      const U count = static_cast<U>(p.taps(i, j));
      for (std::int64_t e = 0; e < width; ++e) share[e] = static_cast<U>(g[e]) / count;
      p.for_taps(i, j, [&](std::int64_t pixel, std::int64_t) {
        U* const sum = sums + pixel + k;
        for (std::int64_t e = 0; e < width; ++e) sum[e] += share[e];
      });
    });
  });
}

}  // namespace

void register_pooling_kernels(KernelRegistry& kernels) {
  const auto add = [&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    kernels.add("MaxPool", kDevice, dtype, max_pool<T>, prepare<false>);
    kernels.add("MaxPoolGrad", kDevice, dtype, max_pool_grad<T>, prepare<true>);
    kernels.add("MaxPoolGradGrad", kDevice, dtype, max_pool_grad_grad<T>, prepare<false>);
    kernels.add("AvgPool", kDevice, dtype, avg_pool<T>, prepare<false>);
    kernels.add("AvgPoolGrad", kDevice, dtype, avg_pool_grad<T>, prepare<true>);
  };
  add(TypeTag<Float16>{});
  add(TypeTag<float>{});
  add(TypeTag<double>{});
}

}  // namespace gradus::cpu
