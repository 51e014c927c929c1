// Pooling, vectorised over channels: each kernel is a loop over the pixels under a window, and for each pixel a loop over channels, up
// to 64 at a time, whose results so far stay in registers or the first-level cache. An NCHW image is taken as one image of a single
// channel per plane, and the inner loop then goes over windows side by side, so one set of loops serves both layouts. Gradients scatter from windows to pixels (pooling_plan.h); where
// the windows of a max-pooling tile the image, as in nearly all CNNs, shorter loops take over (pooling_tiled.h).
#include <limits>

#include "gradus/backends/cpu/pooling_plan.h"
#include "gradus/backends/cpu/pooling_tiled.h"
#include "gradus/backends/formulas/unary.h"

namespace gradus::cpu {
namespace {

// Of the same width as the values, so that both fill vector registers alike.
template <class T>
using TapIndex = std::conditional_t<sizeof(Compute<T>) == 8, std::int64_t, std::int32_t>;

// node: which of a fused chain pools.
template <bool backward, int node = 0>
void prepare_pool(KernelContext& c) {
  const Shape& image = (backward ? c.output(0) : c.input(0)).shape();
  auto plan = std::make_shared<PoolPlan>(c.attrs<PoolAttrs>(node), image);
  if (backward && is_half(c.output(0).dtype())) {
    c.request_scratch(sizeof(float) * static_cast<std::size_t>(c.num_workers() * plan->image_size()));
  }
  c.state = std::move(plan);
}

template <class T>
void max_pool_windows(KernelContext& c, PoolRelu relu) {
  using U = Compute<T>;
  const T* const x = c.input(0).data<T>();
  T* const y = c.output(0).data<T>();
  for_windows(c, [=](const PoolWindow& window, std::int64_t width, auto step) {
    U best[kPoolBlock];
    std::fill(best, best + width, -std::numeric_limits<U>::infinity());
    window.for_taps([&](std::int64_t pixel, std::int64_t) {
      const T* const values = x + window.image + pixel;
      for (std::int64_t k = 0; k < width; ++k) {
        const U value = static_cast<U>(values[k * step]);
        best[k] = replaces(value, best[k]) ? value : best[k];
      }
    });
    // Of pixels after Relu the first is the largest where none is above 0: it alone may be -0.
    if (relu == PoolRelu::kBefore && window.taps() > 0) {
      const T* const values = x + window.image + window.first;
      for (std::int64_t k = 0; k < width; ++k) best[k] = best[k] <= 0 ? static_cast<U>(values[k * step]) : best[k];
    }
    for (std::int64_t k = 0; k < width; ++k)
      y[window.result + k] = static_cast<T>(relu == PoolRelu::kNone ? best[k] : pool_relu(best[k]));
  });
}

template <class T, PoolRelu relu>
void max_pool(KernelContext& c) {
  if constexpr (std::is_same_v<T, Compute<T>>) {
    const T* const x = c.input(0).data<T>();
    T* const y = c.output(0).data<T>();
    if (for_tiled_rows(c, [=](const TiledRow& row, std::int64_t pixel, std::int64_t window) {
          max_pool_row<relu>(row, x + pixel, y + window);
        })) {
      return;
    }
  }
  max_pool_windows<T>(c, relu);
}

// The tap of the first maximum (or first NaN) of the window, for `width` values of `image`.
template <class T, class Step>
void find_largest(const PoolWindow& window, const T* image, std::int64_t width, Step step,
                  TapIndex<T>* __restrict where) {
  using U = Compute<T>;
  U best[kPoolBlock];
  std::fill(best, best + width, -std::numeric_limits<U>::infinity());
  std::fill(where, where + width, TapIndex<T>{0});  // of a window that is -infinity throughout
  window.for_taps([&](std::int64_t pixel, std::int64_t tap) {
    const T* const values = image + pixel;
    const auto index = static_cast<TapIndex<T>>(tap);
    for (std::int64_t k = 0; k < width; ++k) {
      const U value = static_cast<U>(values[k * step]);
      const bool larger = replaces(value, best[k]);
      best[k] = larger ? value : best[k];
      where[k] = larger ? index : where[k];
    }
  });
}

// relu: the operand of the ReluGrad that follows, in most graphs x itself; nullptr where none does.
template <class T>
bool max_pool_grad_tiled(KernelContext& c, const T* x, const T* dy, const T* relu, T* dx) {
  if (relu == nullptr) {
    return for_tiled_rows(c, [=](const TiledRow& row, std::int64_t pixel, std::int64_t window) {
      max_pool_grad_row<PoolRelu::kNone>(row, x + pixel, dy + window, dx + pixel);
    });
  }
  if (relu == x) {
    return for_tiled_rows(c, [=](const TiledRow& row, std::int64_t pixel, std::int64_t window) {
      max_pool_grad_row<PoolRelu::kAfter>(row, x + pixel, dy + window, dx + pixel);
    });
  }
  return for_tiled_rows(c, [=](const TiledRow& row, std::int64_t pixel, std::int64_t window) {
    max_pool_grad_row<PoolRelu::kNone>(row, x + pixel, dy + window, dx + pixel);
    for (std::int64_t i = pixel; i < pixel + row.window_h * row.row_step; ++i)
      dx[i] = formulas::ReluGrad{}(dx[i], relu[i]);
  });
}

template <class T>
void max_pool_grad(KernelContext& c) {
  using U = Compute<T>;
  const T *const x = c.input(0).data<T>(), *const dy = c.input(1).data<T>();
  const T* const relu = c.num_nodes() > 1 ? c.operand(1, 1).data<T>() : nullptr;
  if constexpr (std::is_same_v<T, U>) {
    if (max_pool_grad_tiled(c, x, dy, relu, c.output(0).data<T>())) return;
  }
  scatter_windows<T>(c, relu, [=](const PoolWindow& window, std::int64_t width, auto step, U* sums) {
    TapIndex<T> where[kPoolBlock];
    find_largest(window, x + window.image, width, step, where);
    const T* __restrict const gradient = dy + window.result;
    window.for_taps([&](std::int64_t pixel, std::int64_t tap) {
      U* __restrict const sum = sums + pixel;
      const auto index = static_cast<TapIndex<T>>(tap);
      for (std::int64_t k = 0; k < width; ++k) sum[k * step] += where[k] == index ? static_cast<U>(gradient[k]) : U{0};
    });
  });
}

template <class T>
void max_pool_grad_grad(KernelContext& c) {
  const T *const x = c.input(0).data<T>(), *const grad = c.input(1).data<T>();
  T* const y = c.output(0).data<T>();
  for_windows(c, [=](const PoolWindow& window, std::int64_t width, auto step) {
    TapIndex<T> where[kPoolBlock];
    find_largest(window, x + window.image, width, step, where);
    T* __restrict const out = y + window.result;
    window.for_taps([&](std::int64_t pixel, std::int64_t tap) {
      const T* const values = grad + window.image + pixel;
      const auto index = static_cast<TapIndex<T>>(tap);
      for (std::int64_t k = 0; k < width; ++k) out[k] = where[k] == index ? values[k * step] : out[k];
    });
  });
}

template <class T>
void avg_pool(KernelContext& c) {
  using U = Compute<T>;
  const T* const x = c.input(0).data<T>();
  T* const y = c.output(0).data<T>();
  if constexpr (std::is_same_v<T, U>) {
    if (for_tiled_rows(c, [=](const TiledRow& row, std::int64_t pixel, std::int64_t window) {
          avg_pool_row(row, x + pixel, y + window);
        })) {
      return;
    }
  }
  for_windows(c, [=](const PoolWindow& window, std::int64_t width, auto step) {
    U sum[kPoolBlock];
    std::fill(sum, sum + width, U{0});
    window.for_taps([&](std::int64_t pixel, std::int64_t) {
      const T* const values = x + window.image + pixel;
      for (std::int64_t k = 0; k < width; ++k) sum[k] += static_cast<U>(values[k * step]);
    });
    const U count = static_cast<U>(window.taps());
    for (std::int64_t k = 0; k < width; ++k) y[window.result + k] = static_cast<T>(sum[k] / count);
  });
}

template <class T>
void avg_pool_grad(KernelContext& c) {
  using U = Compute<T>;
  const T* const dy = c.input(1).data<T>();
  if constexpr (std::is_same_v<T, U>) {
    T* const dx = c.output(0).data<T>();
    if (for_tiled_rows(c, [=](const TiledRow& row, std::int64_t pixel, std::int64_t window) {
          avg_pool_grad_row(row, dy + window, dx + pixel);
        })) {
      return;
    }
  }
  scatter_windows<T>(c, static_cast<const T*>(nullptr),
                     [=](const PoolWindow& window, std::int64_t width, auto step, U* sums) {
                       U share[kPoolBlock];
                       const U count = static_cast<U>(window.taps());
                       for (std::int64_t k = 0; k < width; ++k)
                         share[k] = static_cast<U>(dy[window.result + k]) / count;
                       window.for_taps([&](std::int64_t pixel, std::int64_t) {
                         U* __restrict const sum = sums + pixel;
                         for (std::int64_t k = 0; k < width; ++k) sum[k * step] += share[k];
                       });
                     });
}

}  // namespace

void register_pooling_kernels(KernelRegistry& kernels) {
  for_each_floating([&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    kernels.add("MaxPool", kDevice, dtype, max_pool<T, PoolRelu::kNone>, prepare_pool<false>);
    kernels.add_fused({"MaxPool", "Relu"}, kDevice, dtype, max_pool<T, PoolRelu::kAfter>, prepare_pool<false>);
    kernels.add_fused({"Relu", "MaxPool"}, kDevice, dtype, max_pool<T, PoolRelu::kBefore>, prepare_pool<false, 1>);
    kernels.add("MaxPoolGrad", kDevice, dtype, max_pool_grad<T>, prepare_pool<true>);
    kernels.add_fused({"MaxPoolGrad", "ReluGrad"}, kDevice, dtype, max_pool_grad<T>, prepare_pool<true>);
    kernels.add("MaxPoolGradGrad", kDevice, dtype, max_pool_grad_grad<T>, prepare_pool<false>);
    kernels.add("AvgPool", kDevice, dtype, avg_pool<T>, prepare_pool<false>);
    kernels.add("AvgPoolGrad", kDevice, dtype, avg_pool_grad<T>, prepare_pool<true>);
  });
}

}  // namespace gradus::cpu
