// Conv2D and its two gradients as they are defined, one thread per element of the result: no library, no shared memory, the kernels to
// read first. With x the image, w the filter and y the result, all three walk the same set of products
//
//   y[n, i, j, k] <-> x[n, rows.pixel(i, r), columns.pixel(j, s), c] * w[r, s, c, k]
//
// and differ only in which of the three is summed up from the other two. (The reference backend's conv2d.cc says the same with loops.)
// The pixels around the image are zeros that take part, so that 0 * infinity is NaN; windows beyond the output do not exist.
#include "gradus/ops/conv2d.h"

#include "gradus/backends/cuda/image.h"
#include "gradus/backends/cuda/kernels.h"
#include "gradus/ops/conv_geometry.h"

namespace gradus::cuda {
namespace {

// The filter is [row, column, channel within the group, output channel].
__device__ inline std::int64_t tap_at(const ConvGeometry& g, std::int64_t r, std::int64_t s, std::int64_t c,
                                      std::int64_t k) {
  return ((r * g.columns.window + s) * g.group_in() + c) * g.out_channels + k;
}

// y[n,i,j,k] = sum over r, s, c
template <class T>
__global__ void forward(T* y, const T* x, const T* w, Image out, Image in, ConvGeometry g) {
  for (std::int64_t e = first_item(); e < out.size(); e += item_stride()) {
    const Pixel p = pixel_of(out, e);
    const std::int64_t first_channel = p.c / g.group_out() * g.group_in();
    Compute<T> sum = 0;
    for (std::int64_t r = 0; r < g.rows.window; ++r) {
      for (std::int64_t s = 0; s < g.columns.window; ++s) {
        const std::int64_t row = g.rows.pixel(p.y, r), column = g.columns.pixel(p.x, s);
        const bool inside = is_within(row, in.rows) && is_within(column, in.columns);
        for (std::int64_t c = 0; c < g.group_in(); ++c) {
          const auto value =
              inside ? static_cast<Compute<T>>(x[in.at(p.n, row, column, first_channel + c)]) : Compute<T>{0};
          sum += value * static_cast<Compute<T>>(w[tap_at(g, r, s, c, p.c)]);
        }
      }
    }
    y[e] = static_cast<T>(sum);
  }
}

// dx[n,y,x,channel] = sum over r, s, k: over every window that has a tap on this pixel
template <class T>
__global__ void backprop_input(T* dx, const T* w, const T* dy, Image in, Image out, ConvGeometry g) {
  for (std::int64_t e = first_item(); e < in.size(); e += item_stride()) {
    const Pixel p = pixel_of(in, e);
    const std::int64_t group = p.c / g.group_in(), c = p.c % g.group_in();
    Compute<T> sum = 0;
    for (std::int64_t r = 0; r < g.rows.window; ++r) {
      std::int64_t i = 0;
      if (!g.rows.position(p.y, r, &i) || !is_within(i, out.rows)) continue;
      for (std::int64_t s = 0; s < g.columns.window; ++s) {
        std::int64_t j = 0;
        if (!g.columns.position(p.x, s, &j) || !is_within(j, out.columns)) continue;
        for (std::int64_t k = group * g.group_out(); k < (group + 1) * g.group_out(); ++k) {
          sum += static_cast<Compute<T>>(dy[out.at(p.n, i, j, k)]) * static_cast<Compute<T>>(w[tap_at(g, r, s, c, k)]);
        }
      }
    }
    dx[e] = static_cast<T>(sum);
  }
}

// dw[r,s,c,k] = sum over n, i, j. There are few taps and many pixels: the threads of a block share the pixels of one tap, and their sums
// are added by halves, always in the same order.
constexpr unsigned kFilterThreads = 128;
template <class T>
__global__ void backprop_filter(T* dw, const T* x, const T* dy, Image in, Image out, ConvGeometry g) {
  const std::int64_t tap = blockIdx.x, k = tap % g.out_channels, c = tap / g.out_channels % g.group_in();
  const std::int64_t s = tap / g.out_channels / g.group_in() % g.columns.window;
  const std::int64_t r = tap / g.out_channels / g.group_in() / g.columns.window;
  const std::int64_t channel = k / g.group_out() * g.group_in() + c, pixels = out.batch * out.rows * out.columns;
  double sum = 0;
  for (std::int64_t p = threadIdx.x; p < pixels; p += kFilterThreads) {
    const std::int64_t j = p % out.columns, i = p / out.columns % out.rows, n = p / out.columns / out.rows;
    const std::int64_t row = g.rows.pixel(i, r), column = g.columns.pixel(j, s);
    const bool inside = is_within(row, in.rows) && is_within(column, in.columns);
    const auto value = inside ? static_cast<Compute<T>>(x[in.at(n, row, column, channel)]) : Compute<T>{0};
    sum += static_cast<double>(value * static_cast<Compute<T>>(dy[out.at(n, i, j, k)]));
  }
  sum = block_sum<kFilterThreads>(sum);
  if (threadIdx.x == 0) dw[tap] = static_cast<T>(sum);
}

// What is computed from an image of `image`, a filter of `filter`.
ConvGeometry geometry(const KernelContext& c, const Shape& image, const Shape& filter) {
  WindowPlacement placement = c.attrs<Conv2DAttrs>().placement();
  placement.allow_empty_output = true;  // the shape function has refused what must not be
  return conv_geometry(placement, image, filter);
}

template <class T>
void conv2d(KernelContext& c) {
  const ConvGeometry g = geometry(c, c.input(0).shape(), c.input(1).shape());
  const Image in(c.input(0).shape(), g.data_format), out(c.output(0).shape(), g.data_format);
  run_over<forward<T>>(c, out.size(), c.output(0).data<T>(), c.input(0).data<T>(), c.input(1).data<T>(), out, in, g);
}

template <class T>
void conv2d_backprop_input(KernelContext& c) {
  const ConvGeometry g = geometry(c, c.output(0).shape(), c.input(1).shape());
  const Image in(c.output(0).shape(), g.data_format), out(c.input(2).shape(), g.data_format);
  run_over<backprop_input<T>>(c, in.size(), c.output(0).data<T>(), c.input(1).data<T>(), c.input(2).data<T>(), in, out,
                              g);
}

template <class T>
void conv2d_backprop_filter(KernelContext& c) {
  const ConvGeometry g = geometry(c, c.input(0).shape(), c.output(0).shape());
  const Image in(c.input(0).shape(), g.data_format), out(c.input(2).shape(), g.data_format);
  run_blocks<backprop_filter<T>>(c, c.output(0).num_elements(), kFilterThreads, c.output(0).data<T>(),
                                 c.input(0).data<T>(), c.input(2).data<T>(), in, out, g);
}

}  // namespace

void register_conv2d_kernels(KernelRegistry& kernels) {
  common::for_each_floating([&]<class T>(TypeTag<T>) {
    kernels.add("Conv2D", kDevice, {dtype_of<T>}, conv2d<T>);
    kernels.add("Conv2DBackpropInput", kDevice, {dtype_of<T>}, conv2d_backprop_input<T>);
    kernels.add("Conv2DBackpropFilter", kDevice, {dtype_of<T>}, conv2d_backprop_filter<T>);
  });
}

}  // namespace gradus::cuda
