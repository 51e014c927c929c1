// Conv2D and its two gradients as they are defined: one loop per index, sums in float64. With x the image, w the filter
// and y the result, all three walk the same set of products
//
//   y[n, i, j, k] <-> x[n, rows.pixel(i, r), columns.pixel(j, s), c] * w[r, s, c, k]
//
// and differ only in which of the three is summed up from the other two. ops/conv_geometry.h says which pixel a tap
// sees. The pixels around the image are zeros that take part, so that 0 * infinity is NaN; windows beyond the output do
// not exist.
#include "gradus/ops/conv2d.h"
#include "gradus/backends/common/work.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/ops/conv_geometry.h"

namespace gradus::reference {
namespace {

// A batch of images in either data format, read or written at (image, row, column, channel).
template <class T>
struct Image {
  T* data;
  std::int64_t stride_n, stride_y, stride_x, stride_c;

  template <class TensorRef>
  Image(TensorRef& tensor, DataFormat format) : data(tensor.template data<std::remove_const_t<T>>()) {
    const Shape& s = tensor.shape();
    if (format == DataFormat::kNHWC) {
      stride_c = 1, stride_x = s[3], stride_y = s[2] * stride_x, stride_n = s[1] * stride_y;
    } else {
      stride_x = 1, stride_y = s[3], stride_c = s[2] * stride_y, stride_n = s[1] * stride_c;
    }
  }
  T& operator()(std::int64_t n, std::int64_t y, std::int64_t x, std::int64_t c) const {
    return data[n * stride_n + y * stride_y + x * stride_x + c * stride_c];
  }
};

// The filter [row, column, channel within the group, output channel].
template <class T>
struct Filter {
  T* data;
  const ConvGeometry& g;
  T& operator()(std::int64_t r, std::int64_t s, std::int64_t c, std::int64_t k) const {
    return data[((r * g.columns.window + s) * g.group_in() + c) * g.out_channels + k];
  }
};

ConvGeometry geometry(const KernelContext& c, const Tensor& image, const Tensor& filter) {
  WindowPlacement placement = c.attrs<Conv2DAttrs>().placement();
  placement.allow_empty_output = true;  // kernels check nothing
  return conv_geometry(placement, image.shape(), filter.shape());
}

bool within(std::int64_t i, std::int64_t size) { return i >= 0 && i < size; }

// y[n,i,j,k] = sum over r, s, c
template <class T>
void forward(KernelContext& context) {
  const ConvGeometry g = geometry(context, context.input(0), context.input(1));
  const Image<const T> x(context.input(0), g.data_format);
  const Filter<const T> w{context.input(1).data<T>(), g};
  const Image<T> y(context.output(0), g.data_format);
  for (std::int64_t n = 0; n < g.batch; ++n)
    for (std::int64_t i = 0; i < g.rows.out; ++i)
      for (std::int64_t j = 0; j < g.columns.out; ++j)
        for (std::int64_t k = 0; k < g.out_channels; ++k) {
          const std::int64_t first_channel = k / g.group_out() * g.group_in();
          double sum = 0;
          for (std::int64_t r = 0; r < g.rows.window; ++r)
            for (std::int64_t s = 0; s < g.columns.window; ++s) {
              const std::int64_t row = g.rows.pixel(i, r), column = g.columns.pixel(j, s);
              const bool inside = within(row, g.rows.in) && within(column, g.columns.in);
              for (std::int64_t c = 0; c < g.group_in(); ++c)
                sum += (inside ? static_cast<double>(x(n, row, column, first_channel + c)) : 0.0) *
                       static_cast<double>(w(r, s, c, k));
            }
          y(n, i, j, k) = static_cast<T>(sum);
        }
}

// dx[n,row,column,channel] = sum over r, s, k: over every window that has a tap on this pixel
template <class T>
void backprop_input(KernelContext& context) {
  const ConvGeometry g = geometry(context, context.output(0), context.input(1));
  const Filter<const T> w{context.input(1).data<T>(), g};
  const Image<const T> dy(context.input(2), g.data_format);
  const Image<T> dx(context.output(0), g.data_format);
  for (std::int64_t n = 0; n < g.batch; ++n)
    for (std::int64_t y = 0; y < g.rows.in; ++y)
      for (std::int64_t x = 0; x < g.columns.in; ++x)
        for (std::int64_t channel = 0; channel < g.channels; ++channel) {
          const std::int64_t group = channel / g.group_in(), c = channel % g.group_in();
          double sum = 0;
          for (std::int64_t r = 0; r < g.rows.window; ++r) {
            std::int64_t i = 0;
            if (!g.rows.position(y, r, &i) || !within(i, g.rows.out)) continue;
            for (std::int64_t s = 0; s < g.columns.window; ++s) {
              std::int64_t j = 0;
              if (!g.columns.position(x, s, &j) || !within(j, g.columns.out)) continue;
              for (std::int64_t k = group * g.group_out(); k < (group + 1) * g.group_out(); ++k)
                sum += static_cast<double>(dy(n, i, j, k)) * static_cast<double>(w(r, s, c, k));
            }
          }
          dx(n, y, x, channel) = static_cast<T>(sum);
        }
}

// w[r,s,c,k] = sum over n, i, j
template <class T>
void backprop_filter(KernelContext& context) {
  const ConvGeometry g = geometry(context, context.input(0), context.output(0));
  const Image<const T> x(context.input(0), g.data_format);
  const Image<const T> dy(context.input(2), g.data_format);
  const Filter<T> dw{context.output(0).data<T>(), g};
  for (std::int64_t r = 0; r < g.rows.window; ++r)
    for (std::int64_t s = 0; s < g.columns.window; ++s)
      for (std::int64_t c = 0; c < g.group_in(); ++c)
        for (std::int64_t k = 0; k < g.out_channels; ++k) {
          const std::int64_t channel = k / g.group_out() * g.group_in() + c;
          double sum = 0;
          for (std::int64_t n = 0; n < g.batch; ++n)
            for (std::int64_t i = 0; i < g.rows.out; ++i)
              for (std::int64_t j = 0; j < g.columns.out; ++j) {
                const std::int64_t row = g.rows.pixel(i, r), column = g.columns.pixel(j, s);
                const bool inside = within(row, g.rows.in) && within(column, g.columns.in);
                sum += (inside ? static_cast<double>(x(n, row, column, channel)) : 0.0) *
                       static_cast<double>(dy(n, i, j, k));
              }
          dw(r, s, c, k) = static_cast<T>(sum);
        }
}

}  // namespace

void register_conv2d_kernels(KernelRegistry& kernels) {
  common::for_each_floating([&]<class T>(TypeTag<T>) {
    kernels.add("Conv2D", kDevice, {dtype_of<T>}, forward<T>);
    kernels.add("Conv2DBackpropInput", kDevice, {dtype_of<T>}, backprop_input<T>);
    kernels.add("Conv2DBackpropFilter", kDevice, {dtype_of<T>}, backprop_filter<T>);
  });
}

}  // namespace gradus::reference
