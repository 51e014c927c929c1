// Each window as a list of the real pixels under it, in row-major order.
#include "gradus/ops/pooling.h"

#include <cmath>

#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

// The position of element [n, h, w, c] of an image of `shape` in its memory.
std::int64_t image_position(const Shape& shape, DataFormat format, std::int64_t n, std::int64_t h, std::int64_t w,
                            std::int64_t c) {
  if (format == DataFormat::kNHWC) return ((n * shape[1] + h) * shape[2] + w) * shape[3] + c;
  return ((n * shape[1] + c) * shape[2] + h) * shape[3] + w;
}

// Calls f(position of the window in the pooled image, real pixels under it, their positions in the image) for every window.
template <class F>
void for_windows(const PoolAttrs& attrs, const Shape& image, F&& f) {
  const WindowGeometry g = pool_geometry(attrs, image, true);
  const Shape pooled = g.output_shape(g.channels);
  std::vector<std::int64_t> pixels;
  for (std::int64_t n = 0; n < g.batch; ++n) {
    for (std::int64_t c = 0; c < g.channels; ++c) {
      for (std::int64_t i = 0; i < g.rows.out; ++i) {
        for (std::int64_t j = 0; j < g.columns.out; ++j) {
          pixels.clear();
          for (std::int64_t r = 0; r < g.rows.window; ++r) {
            for (std::int64_t s = 0; s < g.columns.window; ++s) {
              const std::int64_t h = g.rows.pixel(i, r), w = g.columns.pixel(j, s);
              if (h < 0 || h >= g.rows.in || w < 0 || w >= g.columns.in) continue;
              pixels.push_back(image_position(image, attrs.data_format, n, h, w, c));
            }
          }
          f(image_position(pooled, attrs.data_format, n, i, j, c), pixels);
        }
      }
    }
  }
}

// The first of the largest pixels; the first NaN where there is one.
std::int64_t largest(const Tensor& image, const std::vector<std::int64_t>& pixels) {
  std::int64_t best = pixels.at(0);
  for (const std::int64_t p : pixels) {
    if (std::isnan(image.at(best))) break;
    if (image.at(p) > image.at(best) || std::isnan(image.at(p))) best = p;
  }
  return best;
}

using Pixels = std::vector<std::int64_t>;

void max_pool(KernelContext& c) {
  for_windows(c.attrs<PoolAttrs>(), c.input(0).shape(), [&](std::int64_t window, const Pixels& pixels) {
    c.output(0).set(window, c.input(0).at(largest(c.input(0), pixels)));
  });
}

// Sums are kept in float64 and rounded once.
void store(Tensor& out, const std::vector<double>& sums) {
  for (std::size_t i = 0; i < sums.size(); ++i) out.set(static_cast<std::int64_t>(i), sums[i]);
}

void max_pool_grad(KernelContext& c) {
  std::vector<double> sums(static_cast<std::size_t>(c.output(0).num_elements()));
  for_windows(c.attrs<PoolAttrs>(), c.input(0).shape(), [&](std::int64_t window, const Pixels& pixels) {
    sums[static_cast<std::size_t>(largest(c.input(0), pixels))] += c.input(1).at(window);
  });
  store(c.output(0), sums);
}

void max_pool_grad_grad(KernelContext& c) {
  for_windows(c.attrs<PoolAttrs>(), c.input(0).shape(), [&](std::int64_t window, const Pixels& pixels) {
    c.output(0).set(window, c.input(1).at(largest(c.input(0), pixels)));
  });
}

void avg_pool(KernelContext& c) {
  for_windows(c.attrs<PoolAttrs>(), c.input(0).shape(), [&](std::int64_t window, const Pixels& pixels) {
    double sum = 0;
    for (const std::int64_t p : pixels) sum += c.input(0).at(p);
    c.output(0).set(window, sum / static_cast<double>(pixels.size()));
  });
}

void avg_pool_grad(KernelContext& c) {
  std::vector<double> sums(static_cast<std::size_t>(c.output(0).num_elements()));
  for_windows(c.attrs<PoolAttrs>(), c.output(0).shape(), [&](std::int64_t window, const Pixels& pixels) {
    const double share = c.input(1).at(window) / static_cast<double>(pixels.size());
    for (const std::int64_t p : pixels) sums[static_cast<std::size_t>(p)] += share;
  });
  store(c.output(0), sums);
}

}  // namespace

void register_pooling_kernels(KernelRegistry& kernels) {
  kernels.add("MaxPool", kDevice, kFloating, max_pool);
  kernels.add("MaxPoolGrad", kDevice, kFloating, max_pool_grad);
  kernels.add("MaxPoolGradGrad", kDevice, kFloating, max_pool_grad_grad);
  kernels.add("AvgPool", kDevice, kFloating, avg_pool);
  kernels.add("AvgPoolGrad", kDevice, kFloating, avg_pool_grad);
}

}  // namespace gradus::reference
