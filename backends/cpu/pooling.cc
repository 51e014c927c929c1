// Pooling, vectorised over channels: each kernel is a loop over the pixels under a window, and for each pixel a loop over channels, up
// to 64 at a time, whose results so far stay in registers or the first-level cache. An NCHW image is taken as one image of a single
// channel per plane, so one set of loops serves both layouts. Gradients scatter from windows to pixels (pooling_plan.h); where
// the windows of a max-pooling tile the image, as in nearly all CNNs, shorter loops take over (pooling_tiled.h).
#include <limits>

#include "gradus/backends/cpu/pooling_plan.h"
#include "gradus/backends/cpu/pooling_tiled.h"

namespace gradus::cpu {
namespace {

// Of the same width as the values, so that both fill vector registers alike.
template <class T>
using TapIndex = std::conditional_t<sizeof(Compute<T>) == 8, std::int64_t, std::int32_t>;

template <bool backward>
void prepare_pool(KernelContext& c) {
  const Shape& image = (backward ? c.output(0) : c.input(0)).shape();
  auto plan = std::make_shared<PoolPlan>(c.attrs<PoolAttrs>(), image);
  if (backward && is_half(c.output(0).dtype())) {
    c.request_scratch(sizeof(float) * static_cast<std::size_t>(c.num_workers() * plan->image_size()));
  }
  c.state = std::move(plan);
}

// `value` takes the place of `best`: it is larger, or the first NaN. Single ampersands keep the loops free of branches.
template <class U>
bool replaces(U value, U best) {
  return (value > best) | ((value != value) & (best == best));
}

template <class T>
void max_pool(KernelContext& c) {
  using U = Compute<T>;
  const T* const x = c.input(0).data<T>();
  T* const y = c.output(0).data<T>();
  if constexpr (std::is_same_v<T, U>) {
    if (for_tiled_rows(c, [=](const TiledRow& row, std::int64_t pixel, std::int64_t window) {
          max_pool_row(row, x + pixel, y + window);
        })) {
      return;
    }
  }
  for_windows(c, [=](const PoolWindow& window, auto width) {
    U best[kPoolBlock];
    std::fill(best, best + width, -std::numeric_limits<U>::infinity());
    window.for_taps([&](std::int64_t pixel, std::int64_t) {
      const T* const values = x + window.image + pixel;
      for (std::int64_t k = 0; k < width; ++k) {
        const U value = static_cast<U>(values[k]);
        best[k] = replaces(value, best[k]) ? value : best[k];
      }
    });
    for (std::int64_t k = 0; k < width; ++k) y[window.result + k] = static_cast<T>(best[k]);
  });
}

// The tap of the first maximum (or first NaN) of the window, for `width` channels of `image`.
template <class T, class Width>
void find_largest(const PoolWindow& window, const T* image, Width width, TapIndex<T>* __restrict where) {
  using U = Compute<T>;
  U best[kPoolBlock];
  std::fill(best, best + width, -std::numeric_limits<U>::infinity());
  std::fill(where, where + width, TapIndex<T>{0});  // of a window that is -infinity throughout
  window.for_taps([&](std::int64_t pixel, std::int64_t tap) {
    const T* const values = image + pixel;
    const auto index = static_cast<TapIndex<T>>(tap);
    for (std::int64_t k = 0; k < width; ++k) {
      const U value = static_cast<U>(values[k]);
      const bool larger = replaces(value, best[k]);
      best[k] = larger ? value : best[k];
      where[k] = larger ? index : where[k];
    }
  });
}

template <class T>
void max_pool_grad(KernelContext& c) {
  using U = Compute<T>;
  const T *const x = c.input(0).data<T>(), *const dy = c.input(1).data<T>();
  if constexpr (std::is_same_v<T, U>) {
    T* const dx = c.output(0).data<T>();
    if (for_tiled_rows(c, [=](const TiledRow& row, std::int64_t pixel, std::int64_t window) {
          max_pool_grad_row(row, x + pixel, dy + window, dx + pixel);
        })) {
      return;
    }
  }
  scatter_windows<T>(c, [=](const PoolWindow& window, auto width, U* sums) {
    TapIndex<T> where[kPoolBlock];
    find_largest(window, x + window.image, width, where);
    const T* __restrict const gradient = dy + window.result;
    window.for_taps([&](std::int64_t pixel, std::int64_t tap) {
      U* __restrict const sum = sums + pixel;
      const auto index = static_cast<TapIndex<T>>(tap);
      for (std::int64_t k = 0; k < width; ++k) sum[k] += where[k] == index ? static_cast<U>(gradient[k]) : U{0};
    });
  });
}

template <class T>
void max_pool_grad_grad(KernelContext& c) {
  const T *const x = c.input(0).data<T>(), *const grad = c.input(1).data<T>();
  T* const y = c.output(0).data<T>();
  for_windows(c, [=](const PoolWindow& window, auto width) {
    TapIndex<T> where[kPoolBlock];
    find_largest(window, x + window.image, width, where);
    T* __restrict const out = y + window.result;
    window.for_taps([&](std::int64_t pixel, std::int64_t tap) {
      const T* const values = grad + window.image + pixel;
      const auto index = static_cast<TapIndex<T>>(tap);
      for (std::int64_t k = 0; k < width; ++k) out[k] = where[k] == index ? values[k] : out[k];
    });
  });
}

template <class T>
void avg_pool(KernelContext& c) {
  using U = Compute<T>;
  const T* const x = c.input(0).data<T>();
  T* const y = c.output(0).data<T>();
  for_windows(c, [=](const PoolWindow& window, auto width) {
    U sum[kPoolBlock] = {};
    window.for_taps([&](std::int64_t pixel, std::int64_t) {
      const T* const values = x + window.image + pixel;
      for (std::int64_t k = 0; k < width; ++k) sum[k] += static_cast<U>(values[k]);
    });
    const U count = static_cast<U>(window.taps());
    for (std::int64_t k = 0; k < width; ++k) y[window.result + k] = static_cast<T>(sum[k] / count);
  });
}

template <class T>
void avg_pool_grad(KernelContext& c) {
  using U = Compute<T>;
  const T* const dy = c.input(1).data<T>();
  scatter_windows<T>(c, [=](const PoolWindow& window, auto width, U* sums) {
    U share[kPoolBlock];
    const U count = static_cast<U>(window.taps());
    for (std::int64_t k = 0; k < width; ++k) share[k] = static_cast<U>(dy[window.result + k]) / count;
    window.for_taps([&](std::int64_t pixel, std::int64_t) {
      U* const sum = sums + pixel;
      for (std::int64_t k = 0; k < width; ++k) sum[k] += share[k];
    });
  });
}

}  // namespace

void register_pooling_kernels(KernelRegistry& kernels) {
  for_each_floating([&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    kernels.add("MaxPool", kDevice, dtype, max_pool<T>, prepare_pool<false>);
    kernels.add("MaxPoolGrad", kDevice, dtype, max_pool_grad<T>, prepare_pool<true>);
    kernels.add("MaxPoolGradGrad", kDevice, dtype, max_pool_grad_grad<T>, prepare_pool<false>);
    kernels.add("AvgPool", kDevice, dtype, avg_pool<T>, prepare_pool<false>);
    kernels.add("AvgPoolGrad", kDevice, dtype, avg_pool_grad<T>, prepare_pool<true>);
  });
}

}  // namespace gradus::cpu
