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

// Of the same width as the values, so that both fill vector registers alike.
template <class T>
using TapIndex = std::conditional_t<sizeof(Compute<T>) == 8, std::int64_t, std::int32_t>;

// What a kernel of this file keeps from prepare().
struct Plan {
  WindowGeometry g;
  std::int64_t images = 0, channels = 0;
  std::vector<WindowAxis::Range> rows, columns;  // taps inside the image, per window position
  std::int64_t inner_begin = 0, inner_end = 0;   // positions whose windows have all their columns inside the image

  Plan(const PoolAttrs& attrs, const Shape& image) : g(pool_geometry(attrs, image, true)) {
    const bool nhwc = attrs.data_format == DataFormat::kNHWC;
    images = nhwc ? g.batch : g.batch * g.channels;
    channels = nhwc ? g.channels : 1;
    for (std::int64_t i = 0; i < g.rows.out; ++i) rows.push_back(g.rows.taps_inside(i));
    for (std::int64_t j = 0; j < g.columns.out; ++j) columns.push_back(g.columns.taps_inside(j));
    const auto whole = [&](std::int64_t j) { return columns[static_cast<std::size_t>(j)].size() == g.columns.window; };
    while (inner_begin < g.columns.out && !whole(inner_begin)) ++inner_begin;
    inner_end = inner_begin;
    while (inner_end < g.columns.out && whole(inner_end)) ++inner_end;
  }

  // Whether row i of windows is 2x2 and inside the image from top to bottom: then the windows from inner_begin to inner_end
  // take the short way.
  bool two_by_two(std::int64_t i) const {
    return g.rows.window == 2 && g.columns.window == 2 && rows[static_cast<std::size_t>(i)].size() == 2;
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
const Shape& image_shape_of(KernelContext& c, bool backward) {
  return backward ? c.output(0).shape() : c.input(0).shape();
}

template <bool backward>
void prepare(KernelContext& c) {
  auto state = std::make_shared<Plan>(c.attrs<PoolAttrs>(), image_shape_of(c, backward));
  if (backward &&
      c.output(0).dtype() == DType::kFloat16) {  // sums of float16 are kept in float32, one image per worker
    c.request_scratch(sizeof(float) * static_cast<std::size_t>(c.num_workers() * state->image_size()));
  }
  c.state = std::move(state);
}

// f(n, i) for every row of windows, in parallel.
template <class F>
void for_rows(KernelContext& c, const Plan& p, F&& f) {
  const std::int64_t row =
      std::max<std::int64_t>(p.g.columns.out * p.channels * p.g.rows.window * p.g.columns.window, 1);
  c.parallel_for(p.images * p.g.rows.out, kChunkElements / row + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t unit = begin; unit < end; ++unit) f(unit / p.g.rows.out, unit % p.g.rows.out);
  });
}

// f(j, first channel, number of channels) for the windows [from, to) of a row; the number is a compile-time constant where it
// is 1.
template <class F>
void for_blocks(const Plan& p, std::int64_t from, std::int64_t to, F&& f) {
  for (std::int64_t j = from; j < to; ++j) {
    if (p.channels == 1) {
      f(j, std::int64_t{0}, std::integral_constant<std::int64_t, 1>{});
    } else {
      for (std::int64_t k = 0; k < p.channels; k += kBlock) f(j, k, std::min(kBlock, p.channels - k));
    }
  }
}
template <class F>
void for_blocks(const Plan& p, F&& f) {
  for_blocks(p, 0, p.g.columns.out, f);
}

// Fills the result with the sums that f(n, i, sums of image n) adds for row i of windows.
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
      for (std::int64_t i = disjoint ? band : 0; i < (disjoint ? band + 1 : p.g.rows.out); ++i) f(n, i, sums);
      if constexpr (!std::is_same_v<T, U>) {
        for (std::int64_t e = from; e < to; ++e) image[e] = static_cast<T>(sums[e]);
      }
    }
  });
}

// `value` takes the place of `best`: it is larger, or the first NaN. Single ampersands keep the loops free of branches.
template <class U>
bool replaces(U value, U best) {
  return (value > best) | ((value != value) & (best == best));
}

// f(position of the window, position of its first pixel within the image, number of channels) for the windows [inner_begin,
// inner_end) of row i, when two_by_two(i).
template <class F>
void for_two_by_two(const Plan& p, std::int64_t n, std::int64_t i, F&& f) {
  for_blocks(p, p.inner_begin, p.inner_end, [&](std::int64_t j, std::int64_t k, auto width) {
    const std::int64_t pixel = (p.g.rows.pixel(i, 0) * p.g.columns.in + p.g.columns.pixel(j, 0)) * p.channels + k;
    f(p.window(n, i, j) + k, pixel, width);
  });
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
  const std::int64_t right = p.channels, down = p.g.columns.in * p.channels;
  for_rows(c, p, [&](std::int64_t n, std::int64_t i) {
    const T* const image = x + n * p.image_size();
    const auto any_window = [&](std::int64_t j, std::int64_t k, auto width) {
      U best[kBlock];
      std::fill(best, best + width, -std::numeric_limits<U>::infinity());
      p.for_taps(i, j, [&](std::int64_t pixel, std::int64_t) {
        const T* const v = image + pixel + k;
        for (std::int64_t e = 0; e < width; ++e) {
          const U value = static_cast<U>(v[e]);
          best[e] = replaces(value, best[e]) ? value : best[e];
        }
      });
      T* const out = y + p.window(n, i, j) + k;
      for (std::int64_t e = 0; e < width; ++e) out[e] = static_cast<T>(best[e]);
    };
    if (!p.two_by_two(i)) return for_blocks(p, any_window);
    for_blocks(p, 0, p.inner_begin, any_window);
    for_two_by_two(p, n, i, [=](std::int64_t window, std::int64_t pixel, auto width) {
      const T* __restrict const v = image + pixel;
      T* __restrict const out = y + window;
      for (std::int64_t e = 0; e < width; ++e) {
        U best = static_cast<U>(v[e]);
        for (const std::int64_t tap : {right, down, down + right}) {
          const U value = static_cast<U>(v[tap + e]);
          best = replaces(value, best) ? value : best;
        }
        out[e] = static_cast<T>(best);
      }
    });
    for_blocks(p, p.inner_end, p.g.columns.out, any_window);
  });
}

// The tap of the first maximum (or first NaN) of window [i, j] for `width` channels of `image`.
template <class T, class Width>
void find_largest(const Plan& p, const T* image, std::int64_t i, std::int64_t j, Width width,
                  TapIndex<T>* __restrict where) {
  using U = Compute<T>;
  U best[kBlock];
  std::fill(best, best + width, -std::numeric_limits<U>::infinity());
  std::fill(where, where + width, TapIndex<T>{0});  // of a window that is -infinity throughout
  p.for_taps(i, j, [&](std::int64_t pixel, std::int64_t tap) {
    const T* const v = image + pixel;
    const auto index = static_cast<TapIndex<T>>(tap);
    for (std::int64_t e = 0; e < width; ++e) {
      const U value = static_cast<U>(v[e]);
      const bool larger = replaces(value, best[e]);
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
  const std::int64_t right = p.channels, down = p.g.columns.in * p.channels;
  scatter_windows<T>(c, p, [&](std::int64_t n, std::int64_t i, U* sums) {
    const T* const image = x + n * p.image_size();
    const auto any_window = [&](std::int64_t j, std::int64_t k, auto width) {
      TapIndex<T> where[kBlock];
      find_largest(p, image + k, i, j, width, where);
      const T* __restrict const g = dy + p.window(n, i, j) + k;
      p.for_taps(i, j, [&](std::int64_t pixel, std::int64_t tap) {
        U* __restrict const sum = sums + pixel + k;
        const auto index = static_cast<TapIndex<T>>(tap);
        for (std::int64_t e = 0; e < width; ++e) sum[e] += where[e] == index ? static_cast<U>(g[e]) : U{0};
      });
    };
    if (!p.two_by_two(i)) return for_blocks(p, any_window);
    for_blocks(p, 0, p.inner_begin, any_window);
    for_two_by_two(p, n, i, [=](std::int64_t window, std::int64_t pixel, auto width) {
      const T* __restrict const v = image + pixel;
      const T* __restrict const out = dy + window;
      U* __restrict const s0 = sums + pixel;
      U* __restrict const s1 = s0 + right;
      U* __restrict const s2 = s0 + down;
      U* __restrict const s3 = s2 + right;
      for (std::int64_t e = 0; e < width; ++e) {
        const U a = static_cast<U>(v[e]), b = static_cast<U>(v[right + e]);
        const U d = static_cast<U>(v[down + e]), f = static_cast<U>(v[down + right + e]), g = static_cast<U>(out[e]);
        const bool second = replaces(b, a);
        const U ab = second ? b : a;
        const bool third = replaces(d, ab);
        const U abd = third ? d : ab;
        const bool fourth = replaces(f, abd);
        s3[e] += fourth ? g : U{0};
        s2[e] += (third & !fourth) ? g : U{0};
        s1[e] += (second & !third & !fourth) ? g : U{0};
        s0[e] += (second | third | fourth) ? U{0} : g;
      }
    });
    for_blocks(p, p.inner_end, p.g.columns.out, any_window);
  });
}

template <class T>
void max_pool_grad_grad(KernelContext& c) {
  const Plan& p = plan(c);
  const T *const x = c.input(0).data<T>(), *const grad = c.input(1).data<T>();
  T* const y = c.output(0).data<T>();
  for_rows(c, p, [&](std::int64_t n, std::int64_t i) {
    for_blocks(p, [&](std::int64_t j, std::int64_t k, auto width) {
      TapIndex<T> where[kBlock];
      const std::int64_t first = n * p.image_size() + k;
      find_largest(p, x + first, i, j, width, where);
      T* __restrict const out = y + p.window(n, i, j) + k;
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
  for_rows(c, p, [&](std::int64_t n, std::int64_t i) {
    for_blocks(p, [&](std::int64_t j, std::int64_t k, auto width) {
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
  scatter_windows<T>(c, p, [&](std::int64_t n, std::int64_t i, U* sums) {
    for_blocks(p, [&](std::int64_t j, std::int64_t k, auto width) {
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
  for_each_floating([&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    kernels.add("MaxPool", kDevice, dtype, max_pool<T>, prepare<false>);
    kernels.add("MaxPoolGrad", kDevice, dtype, max_pool_grad<T>, prepare<true>);
    kernels.add("MaxPoolGradGrad", kDevice, dtype, max_pool_grad_grad<T>, prepare<false>);
    kernels.add("AvgPool", kDevice, dtype, avg_pool<T>, prepare<false>);
    kernels.add("AvgPoolGrad", kDevice, dtype, avg_pool_grad<T>, prepare<true>);
  });
}

}  // namespace gradus::cpu
