// Pooling and its gradients, one thread per element of the result. A thread of a gradient looks through the windows over its pixel, in a
// fixed order, so that nothing is added by atomics.
#include "gradus/ops/pooling.h"

#include "gradus/backends/cuda/image.h"
#include "gradus/backends/cuda/kernels.h"

namespace gradus::cuda {
namespace {

// Calls f(place in the image) for the real pixels under a window, row by row.
template <class F>
__device__ void for_pixels(const WindowGeometry& g, const Image& in, const Pixel& window, F&& f) {
  for (std::int64_t r = 0; r < g.rows.window; ++r) {
    const std::int64_t y = g.rows.pixel(window.y, r);
    if (!is_within(y, in.rows)) continue;
    for (std::int64_t s = 0; s < g.columns.window; ++s) {
      const std::int64_t x = g.columns.pixel(window.x, s);
      if (is_within(x, in.columns)) f(in.at(window.n, y, x, window.c));
    }
  }
}

// The first of the largest pixels; the first NaN where there is one.
template <class T>
__device__ std::int64_t largest(const T* image, const WindowGeometry& g, const Image& in, const Pixel& window) {
  std::int64_t best = -1;
  Compute<T> leader{};
  for_pixels(g, in, window, [&](std::int64_t at) {
    const auto value = static_cast<Compute<T>>(image[at]);
    if (best >= 0 && (leader != leader || !(value > leader || value != value))) return;
    best = at;
    leader = value;
  });
  return best;
}

__device__ inline std::int64_t count_pixels(const WindowGeometry& g, const Image& in, const Pixel& window) {
  std::int64_t count = 0;
  for_pixels(g, in, window, [&](std::int64_t) { ++count; });
  return count;
}

// What each window takes from its largest pixel: from the image itself, or from a tensor of its shape.
template <class T>
__global__ void take_largest(T* y, const T* image, const T* from, WindowGeometry g, Image in, Image out) {
  for (std::int64_t i = first_item(); i < out.size(); i += item_stride())
    y[i] = from[largest(image, g, in, pixel_of(out, i))];
}

template <class T>
__global__ void average(T* y, const T* x, WindowGeometry g, Image in, Image out) {
  for (std::int64_t i = first_item(); i < out.size(); i += item_stride()) {
    const Pixel window = pixel_of(out, i);
    Compute<T> sum = 0;
    for_pixels(g, in, window, [&](std::int64_t at) { sum += static_cast<Compute<T>>(x[at]); });
    y[i] = static_cast<T>(sum / static_cast<Compute<T>>(count_pixels(g, in, window)));
  }
}

// Calls f(place of the window in the pooled image, window) for the windows that have a tap on a pixel.
template <class F>
__device__ void for_windows_over(const WindowGeometry& g, const Image& out, const Pixel& pixel, F&& f) {
  for (std::int64_t r = 0; r < g.rows.window; ++r) {
    std::int64_t i = 0;
    if (!g.rows.position(pixel.y, r, &i) || !is_within(i, out.rows)) continue;
    for (std::int64_t s = 0; s < g.columns.window; ++s) {
      std::int64_t j = 0;
      if (g.columns.position(pixel.x, s, &j) && is_within(j, out.columns))
        f(out.at(pixel.n, i, j, pixel.c), Pixel{pixel.n, i, j, pixel.c});
    }
  }
}

template <class T>
__global__ void max_pool_grad(T* dx, const T* x, const T* dy, WindowGeometry g, Image in, Image out) {
  for (std::int64_t i = first_item(); i < in.size(); i += item_stride()) {
    const Pixel pixel = pixel_of(in, i);
    Compute<T> sum = 0;
    for_windows_over(g, out, pixel, [&](std::int64_t at, const Pixel& window) {
      if (largest(x, g, in, window) == i) sum += static_cast<Compute<T>>(dy[at]);
    });
    dx[i] = static_cast<T>(sum);
  }
}

template <class T>
__global__ void avg_pool_grad(T* dx, const T* dy, WindowGeometry g, Image in, Image out) {
  for (std::int64_t i = first_item(); i < in.size(); i += item_stride()) {
    Compute<T> sum = 0;
    for_windows_over(g, out, pixel_of(in, i), [&](std::int64_t at, const Pixel& window) {
      sum += static_cast<Compute<T>>(dy[at]) / static_cast<Compute<T>>(count_pixels(g, in, window));
    });
    dx[i] = static_cast<T>(sum);
  }
}

struct Pooling {
  WindowGeometry g;
  Image in, out;
  Pooling(const KernelContext& c, const Shape& image)
      : g(pool_geometry(c.attrs<PoolAttrs>(), image, true)),
        in(image, g.data_format),
        out(g.output_shape(g.channels), g.data_format) {}
};

template <class T>
void max_pool_kernel(KernelContext& c) {
  const Pooling p(c, c.input(0).shape());
  const T* const x = c.input(0).data<T>();
  run_over<take_largest<T>>(c, p.out.size(), c.output(0).data<T>(), x, x, p.g, p.in, p.out);
}
template <class T>
void max_pool_grad_grad_kernel(KernelContext& c) {
  const Pooling p(c, c.input(0).shape());
  run_over<take_largest<T>>(c, p.out.size(), c.output(0).data<T>(), c.input(0).data<T>(), c.input(1).data<T>(), p.g,
                            p.in, p.out);
}
template <class T>
void max_pool_grad_kernel(KernelContext& c) {
  const Pooling p(c, c.input(0).shape());
  run_over<max_pool_grad<T>>(c, p.in.size(), c.output(0).data<T>(), c.input(0).data<T>(), c.input(1).data<T>(), p.g,
                             p.in, p.out);
}
template <class T>
void avg_pool_kernel(KernelContext& c) {
  const Pooling p(c, c.input(0).shape());
  run_over<average<T>>(c, p.out.size(), c.output(0).data<T>(), c.input(0).data<T>(), p.g, p.in, p.out);
}
template <class T>
void avg_pool_grad_kernel(KernelContext& c) {
  const Pooling p(c, c.output(0).shape());
  run_over<avg_pool_grad<T>>(c, p.in.size(), c.output(0).data<T>(), c.input(1).data<T>(), p.g, p.in, p.out);
}

}  // namespace

void register_pooling_kernels(KernelRegistry& kernels) {
  common::for_each_floating([&]<class T>(TypeTag<T>) {
    kernels.add("MaxPool", kDevice, {dtype_of<T>}, max_pool_kernel<T>);
    kernels.add("MaxPoolGrad", kDevice, {dtype_of<T>}, max_pool_grad_kernel<T>);
    kernels.add("MaxPoolGradGrad", kDevice, {dtype_of<T>}, max_pool_grad_grad_kernel<T>);
    kernels.add("AvgPool", kDevice, {dtype_of<T>}, avg_pool_kernel<T>);
    kernels.add("AvgPoolGrad", kDevice, {dtype_of<T>}, avg_pool_grad_kernel<T>);
  });
}

}  // namespace gradus::cuda
