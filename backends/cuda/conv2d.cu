// Conv2D and its two gradients as they are defined, one thread per element of the result: no library, no shared memory, the kernels to
// read first. With x the image, w the filter and y the result, all three walk the same set of products
//
//   y[n, i, j, k] <-> x[n, rows.pixel(i, r), columns.pixel(j, s), c] * w[r, s, c, k]
//
// and differ only in which of the three is summed up from the other two. (The reference backend's conv2d.cc says the same with loops.)
// The pixels around the image are zeros that take part, so that 0 * infinity is NaN; windows beyond the output do not exist.
#include "gradus/backends/cuda/conv2d.h"

#include "gradus/backends/cuda/image.h"
#include "gradus/backends/cuda/kernels.h"
#include "gradus/ops/bias_add.h"
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

template <class T>
__global__ void add_bias(T* y, const T* bias, bool relu, AxisExtents e, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    const T sum = static_cast<T>(static_cast<Compute<T>>(y[i]) + static_cast<Compute<T>>(bias[i / e.inner % e.axis]));
    y[i] = relu && static_cast<Compute<T>>(sum) < Compute<T>{0} ? static_cast<T>(0.0) : sum;  // NaN stays NaN
  }
}

// Where cuDNN's filter has the element that is at [r][s][c][k] in ours.
struct CudnnFilter {
  std::int64_t rows, columns, channels, out_channels, stride_r, stride_s, stride_c, stride_k;

  CudnnFilter() = default;
  CudnnFilter(const Shape& ours, DataFormat format)
      : rows(ours[0]), columns(ours[1]), channels(ours[2]), out_channels(ours[3]) {
    if (format == DataFormat::kNHWC) {
      stride_c = 1, stride_s = channels, stride_r = columns * channels;
    } else {
      stride_s = 1, stride_r = columns, stride_c = rows * columns;
    }
    stride_k = rows * columns * channels;
  }
  constexpr std::int64_t size() const { return stride_k * out_channels; }
  constexpr std::int64_t at(std::int64_t ours) const {
    const std::int64_t k = ours % out_channels, c = ours / out_channels % channels;
    const std::int64_t s = ours / out_channels / channels % columns, r = ours / out_channels / channels / columns;
    return k * stride_k + r * stride_r + s * stride_s + c * stride_c;
  }
};

// Filters for cuDNN, as many as fit into the arguments of a kernel (4096 bytes): all of a network's change in a training step, and
// starting a kernel takes longer than what it does with one. Bits of elements, which are only moved.
constexpr int kMostFilters = 40;
constexpr std::int64_t kElementsPerBlock = std::int64_t{kThreads} * 4;
template <class Bits>
struct PackedFilters {
  struct One {
    Bits* to;
    const Bits* from;
    CudnnFilter filter;
    unsigned first_block;
  } all[kMostFilters];
  int count;
};
template <class Bits>
__global__ void pack_filters(PackedFilters<Bits> filters) {
  int i = 0;
  while (i + 1 < filters.count && filters.all[i + 1].first_block <= blockIdx.x) ++i;
  const auto& one = filters.all[i];
  const std::int64_t first = (blockIdx.x - one.first_block) * kElementsPerBlock + threadIdx.x;
  for (int part = 0; part < 4; ++part) {
    const std::int64_t e = first + part * std::int64_t{kThreads};
    if (e < one.filter.size()) one.to[one.filter.at(e)] = one.from[e];
  }
}
template <class Bits>
__global__ void unpack_filter_bits(Bits* to, const Bits* from, CudnnFilter f) {
  for (std::int64_t i = first_item(); i < f.size(); i += item_stride()) to[i] = from[f.at(i)];
}

template <class Bits>
void pack_all(const CudaDevice& device, std::span<const PackItem> items, DataFormat format) {
  while (!items.empty()) {
    PackedFilters<Bits> filters{};
    unsigned blocks = 0;
    for (const PackItem& item : items.first(std::min<std::size_t>(items.size(), kMostFilters))) {
      auto& one = filters.all[filters.count++];
      one.to = static_cast<Bits*>(item.to);
      one.from = static_cast<const Bits*>(item.from->raw());
      one.filter = CudnnFilter(item.from->shape(), format);
      one.first_block = blocks;
      blocks += static_cast<unsigned>((one.filter.size() + kElementsPerBlock - 1) / kElementsPerBlock);
    }
    const Launch l{.grid = blocks, .block = kThreads, .stream = device.stream()};
    check(launch<pack_filters<Bits>>(l, filters), "the launch of a kernel");
    items = items.subspan(static_cast<std::size_t>(filters.count));
  }
}

// Filters of any dtypes.
template <DataFormat format>
void pack(Device& device, std::span<const PackItem> items) {
  const auto& cuda_device = static_cast<const CudaDevice&>(device);
  cuda_device.make_current();
  for (const std::size_t size : {sizeof(std::uint16_t), sizeof(std::uint32_t), sizeof(std::uint64_t)}) {
    std::vector<PackItem> of_size;
    for (const PackItem& item : items) {
      if (dtype_size(item.from->dtype()) == size) of_size.push_back(item);
    }
    visit_bits(size, [&]<class Bits>(TypeTag<Bits>) { pack_all<Bits>(cuda_device, of_size, format); });
  }
}

template <class T>
void run(KernelContext& c, const cudnn::Convolution& convolution) {
  const ConvGeometry& g = convolution.geometry;
  const Image in(g.input_shape(), g.data_format), out(g.output_shape(), g.data_format);
  const auto input = [&c](int i) { return c.input(i).data<T>(); };
  T* const result = c.output(0).data<T>();
  switch (convolution.direction) {
    case cudnn::Direction::kForward: run_over<forward<T>>(c, out.size(), result, input(0), input(1), out, in, g); break;
    case cudnn::Direction::kBackpropInput:  // of sizes, filter and dy
      run_over<backprop_input<T>>(c, in.size(), result, input(1), input(2), in, out, g);
      break;
    case cudnn::Direction::kBackpropFilter:  // of x, sizes and dy
      run_blocks<backprop_filter<T>>(c, g.filter_shape().num_elements(), kFilterThreads, result, input(0), input(2), in,
                                     out, g);
      break;
  }
}

}  // namespace

void run_plain_conv2d(KernelContext& c, const cudnn::Convolution& convolution) {
  visit_floating(convolution.dtype, [&]<class T>(TypeTag<T>) { run<T>(c, convolution); });
}

void run_bias_and_relu(KernelContext& c, const cudnn::Convolution& convolution, DataFormat format) {
  visit_floating(convolution.dtype, [&]<class T>(TypeTag<T>) {
    Tensor& y = c.output(0);
    run_over<add_bias<T>>(c, y.num_elements(), y.data<T>(), c.input(2).data<T>(), convolution.relu,
                          channel_extents(y.shape(), format), y.num_elements());
  });
}

PackFn filter_packer(DataFormat format) {
  return format == DataFormat::kNHWC ? pack<DataFormat::kNHWC> : pack<DataFormat::kNCHW>;
}

void unpack_filter(KernelContext& c, Tensor& to, const void* from, DataFormat format) {
  const CudnnFilter filter(to.shape(), format);
  visit_bits(dtype_size(to.dtype()), [&]<class Bits>(TypeTag<Bits>) {
    run_over<unpack_filter_bits<Bits>>(c, filter.size(), static_cast<Bits*>(to.raw()), static_cast<const Bits*>(from),
                                       filter);
  });
}

}  // namespace gradus::cuda
