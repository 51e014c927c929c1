#include "gradus/nn/layers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "gradus/graph/scopes.h"
#include "gradus/nn/conv2d_transpose.h"
#include "gradus/nn/errors.h"
#include "gradus/nn/variables.h"
#include "gradus/ops/bias_add.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/concat.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/pooling.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reshape.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/slice.h"
#include "gradus/ops/source_ops.h"

namespace gradus::nn {
namespace {

std::vector<std::int64_t> per_dimension(const Size2& size, DataFormat format) {
  return image_shape(format, 1, size.rows(), size.columns(), 1).dims();
}

void check_size(const Place& place, const char* what, const Size2& size, const char* unit) {
  if (size.size() != 2) {
    place.fail(fmt::format("{} is one number or 2 values (rows, columns); got a list of {}", what, size.size()));
  }
  if (size.rows() < 1 || size.columns() < 1)
    place.fail(fmt::format("{} must be at least 1 {}; got {}", what, unit, size.to_string()));
  if (std::max(size.rows(), size.columns()) > INT32_MAX)
    place.fail(fmt::format("{} must be below 2^31; got {}", what, size.to_string()));
}

void check_filters(const Place& place, std::int64_t filters) {
  if (filters >= 1) return;
  place.fail(fmt::format(
      "filters must be at least 1; got {} (.filters is the number of output channels, and must be given)", filters));
}

void check_initializer(const Place& place, std::string_view name, const char* variable,
                       const Initializer& initializer) {
  if (initializer) return;
  place.fail(fmt::format("the variable '{}/{}' needs an initializer; got none (nn::zeros(), nn::he_normal(), ...)",
                         name, variable));
}

void check_l2(const Place& place, std::string_view name, double l2) {
  if (l2 >= 0.0 && std::isfinite(l2)) return;
  place.fail(fmt::format("l2 of the variable '{}/kernel' must not be negative, and finite; got {}", name, l2));
}

void check_padding(const Place& place, Padding padding, const char* op) {
  if (padding != Padding::kExplicit) return;
  place.fail(
      fmt::format("padding is kSame or kValid; for kExplicit use the op gradus::{} with explicit_paddings, or "
                  "pad() before a kValid layer",
                  op));
}

void check_images(const Place& place, const Output& x, DataFormat format) {
  place.check_defined("x", x);
  if (x.shape().rank() != 4) {
    place.fail(fmt::format(
        "needs images of rank 4, {}; got shape {} (reshape() gives images their rows and columns)",
        format == DataFormat::kNHWC ? "[batch, rows, columns, channels]" : "[batch, channels, rows, columns]",
        x.shape().to_string()));
  }
  place.check_floating("the images", x);
}

// Checks what all convolutions share and returns the number of input channels.
template <class Options>
std::int64_t check_convolution(const Place& place, const char* op, std::string_view name, const Output& x,
                               const Options& o) {
  place.check_name();
  check_images(place, x, o.data_format);
  check_size(place, "the kernel", o.kernel, "row and 1 column");
  check_size(place, "strides", o.strides, "each");
  check_size(place, "dilations", o.dilations, "each");
  check_padding(place, o.padding, op);
  check_initializer(place, name, "kernel", o.kernel_initializer);
  if (o.use_bias) check_initializer(place, name, "bias", o.bias_initializer);
  check_l2(place, name, o.l2);
  const std::int64_t channels = x.shape()[image_axes(o.data_format).channels];
  if (channels == kUnknownDim) {
    place.fail(fmt::format("the number of channels must be known; got shape {} (give the placeholder its channels)",
                           x.shape().to_string()));
  }
  return channels;
}

template <class Options>
Conv2DAttrs conv_attrs(const Options& o, bool use_cudnn_on_gpu) {
  return {.strides = per_dimension(o.strides, o.data_format),
          .padding = o.padding,
          .use_cudnn_on_gpu = use_cudnn_on_gpu,
          .data_format = o.data_format,
          .dilations = per_dimension(o.dilations, o.data_format)};
}

// y and, where the layer has one, its bias per channel.
template <class Options>
Output with_bias(const Output& y, std::int64_t channels, const Options& o, DataFormat format, SourceLocation location) {
  if (!o.use_bias) return y;
  const Output bias = get_variable(y.graph(), "bias", y.dtype(), {channels}, o.bias_initializer, {}, location);
  return bias_add(y, bias, {.data_format = format}, {"bias_add", location});
}

PoolAttrs pool_attrs(const Place& place, const char* op, const Output& x, const PoolOptions& o) {
  check_images(place, x, o.data_format);
  check_size(place, "size", o.size, "row and 1 column");
  check_padding(place, o.padding, op);
  const Size2 stride = o.stride == Size2(0) ? o.size : o.stride;
  check_size(place, "stride", stride, "each, or 0 for the size");
  return {.ksize = per_dimension(o.size, o.data_format),
          .strides = per_dimension(stride, o.data_format),
          .padding = o.padding,
          .data_format = o.data_format};
}

// Output size of an axis: size * stride + the constant that this returns.
std::int64_t size_beyond_stride(const Conv2DTransposeOptions& o, std::size_t axis) {
  const std::int64_t stride = o.strides[axis], extent = (o.kernel[axis] - 1) * o.dilations[axis] + 1;
  const bool same = o.padding == Padding::kSame;
  if (o.output_padding.empty()) return same ? 0 : std::max<std::int64_t>(extent - stride, 0);
  return extent + o.output_padding[axis] - stride - (same ? extent / 2 * 2 : 0);
}

void check_output_padding(const Place& place, const Conv2DTransposeOptions& o) {
  if (o.output_padding.empty()) return;
  const auto listed = [](const Size2& size) { return fmt::format("{},{}", size.rows(), size.columns()); };
  bool good = o.output_padding.size() == 2;
  for (std::size_t i = 0; good && i < 2; ++i) good = o.output_padding[i] >= 0 && o.output_padding[i] < o.strides[i];
  if (!good) {
    place.fail(
        fmt::format("output_padding must be 2 values from 0 on, each smaller than its stride; got [{}] for strides "
                    "[{}]",
                    fmt::join(o.output_padding, ","), listed(o.strides)));
  }
  for (std::size_t i = 0; i < 2 && o.padding == Padding::kSame; ++i) {
    // The convolution that goes back has one window less: no size with these options leads to it.
    if (o.output_padding[i] == 0 && (o.kernel[i] - 1) * o.dilations[i] % 2 == 1) {
      place.fail(
          fmt::format("with SAME and an even kernel output_padding must be at least 1, or be left out; got [{}] for "
                      "kernel [{}], dilations [{}]",
                      fmt::join(o.output_padding, ","), listed(o.kernel), listed(o.dilations)));
    }
  }
}

// Rows and columns of the result, as an int32 vector of 2: a constant where x's are known.
Output output_sizes(const Place& place, const Output& x, const Conv2DTransposeOptions& o, SourceLocation location) {
  const ImageAxes axes = image_axes(o.data_format);
  std::vector<std::int32_t> known;
  std::vector<Output> parts;
  for (std::size_t i = 0; i < 2; ++i) {
    const int axis = i == 0 ? axes.height : axes.width;
    const std::int64_t in = x.shape()[axis], stride = o.strides[i], beyond = size_beyond_stride(o, i);
    if (in == kUnknownDim) {
      const Output size = strided_slice(shape(x, location), {axis}, {axis + 1}, {}, {}, location);
      const Operand times(static_cast<double>(stride), location), plus(static_cast<double>(beyond), location);
      parts.push_back(add(multiply(size, times, location), plus, location));
      continue;
    }
    std::int64_t out = 0;
    if (!checked_multiply(in, stride, &out) || __builtin_add_overflow(out, beyond, &out) || out > INT32_MAX) {
      place.fail(fmt::format("the result's {} do not fit in int32: {} with stride {}", i == 0 ? "rows" : "columns", in,
                             stride));
    }
    known.push_back(static_cast<std::int32_t>(out));
    parts.emplace_back();
  }
  if (known.size() == 2) return constant(x.graph(), known, {"output_sizes", location});
  for (Output& part : parts) {
    if (!part.valid()) part = constant(x.graph(), known, {"output_size", location});
  }
  return concat(parts, 0, {"output_sizes", location});
}

}  // namespace

Output conv2d(const Output& x, const Conv2DOptions& o, At at) {
  const Place place("conv2d", at);
  const std::int64_t channels = check_convolution(place, "conv2d", at.name, x, o);
  check_filters(place, o.filters);
  if (o.groups < 1 || channels % o.groups != 0 || o.filters % o.groups != 0) {
    place.fail(
        fmt::format("groups must divide the {} channels and the {} filters; got {}", channels, o.filters, o.groups));
  }
  Graph& graph = x.graph();
  const NameScope scope(graph, at.name);
  const Shape kernel_shape{o.kernel[0], o.kernel[1], channels / o.groups, o.filters};
  // An input channel is seen by the filters of its group only.
  const double taps = static_cast<double>(o.kernel[0] * o.kernel[1]), groups = static_cast<double>(o.groups);
  const Fans fans{taps * static_cast<double>(channels) / groups, taps * static_cast<double>(o.filters) / groups};
  const Output kernel = get_variable(graph, "kernel", x.dtype(), kernel_shape, o.kernel_initializer.with_fans(fans),
                                     {.l2 = o.l2}, at.location);
  const Output y = gradus::conv2d(x, kernel, conv_attrs(o, o.use_cudnn_on_gpu), {"conv", at.location});
  return with_bias(y, o.filters, o, o.data_format, at.location);
}

Output depthwise_conv2d(const Output& x, const DepthwiseConv2DOptions& o, At at) {
  const Place place("depthwise_conv2d", at);
  const std::int64_t channels = check_convolution(place, "depthwise_conv2d", at.name, x, o);
  if (o.multiplier < 1) place.fail(fmt::format("multiplier must be at least 1; got {}", o.multiplier));
  Graph& graph = x.graph();
  const NameScope scope(graph, at.name);
  const Shape kernel_shape{o.kernel[0], o.kernel[1], channels, o.multiplier};
  // Drawn as the grouped convolution that it is, [rows, columns, 1, C * multiplier]: every output channel sees one input
  // channel, and that is seen by `multiplier` output channels.
  const double taps = static_cast<double>(o.kernel[0] * o.kernel[1]);
  const Initializer drawn = o.kernel_initializer.with_fans({taps, taps * static_cast<double>(o.multiplier)});
  Initializer initializer;
  if (drawn) {
    initializer = [&](Graph& g, DType dtype, const Shape&) {
      const Shape grouped{o.kernel[0], o.kernel[1], 1, channels * o.multiplier};
      return reshape(drawn(g, dtype, grouped), kernel_shape.dims());
    };
  }
  const Output kernel = get_variable(graph, "kernel", x.dtype(), kernel_shape, initializer, {.l2 = o.l2}, at.location);
  const Output y = gradus::depthwise_conv2d(x, kernel, conv_attrs(o, true), {"conv", at.location});
  return with_bias(y, channels * o.multiplier, o, o.data_format, at.location);
}

Output conv2d_transpose(const Output& x, const Conv2DTransposeOptions& o, At at) {
  const Place place("conv2d_transpose", at);
  const std::int64_t channels = check_convolution(place, "conv2d_transpose", at.name, x, o);
  check_filters(place, o.filters);
  check_output_padding(place, o);
  Graph& graph = x.graph();
  const NameScope scope(graph, at.name);
  const double taps = static_cast<double>(o.kernel[0] * o.kernel[1]);
  const Fans fans{taps * static_cast<double>(channels), taps * static_cast<double>(o.filters)};
  const Output kernel = get_variable(graph, "kernel", x.dtype(), {o.kernel[0], o.kernel[1], o.filters, channels},
                                     o.kernel_initializer.with_fans(fans), {.l2 = o.l2}, at.location);
  const Output y = gradus::conv2d_transpose(x, kernel, output_sizes(place, x, o, at.location),
                                            conv_attrs(o, o.use_cudnn_on_gpu), {"conv_transpose", at.location});
  return with_bias(y, o.filters, o, o.data_format, at.location);
}

Output dense(const Output& x, const DenseOptions& o, At at) {
  const Place place("dense", at);
  place.check_name();
  place.check_defined("x", x);
  if (o.units < 1)
    place.fail(
        fmt::format("units must be at least 1; got {} (.units is the number of outputs, and must be given)", o.units));
  if (x.shape().rank() != 2 || x.shape()[1] == kUnknownDim) {
    place.fail("needs [batch, features] with known features (flatten() images first); got shape " +
               x.shape().to_string());
  }
  place.check_floating("x", x);
  check_initializer(place, at.name, "kernel", o.kernel_initializer);
  if (o.use_bias) check_initializer(place, at.name, "bias", o.bias_initializer);
  check_l2(place, at.name, o.l2);
  Graph& graph = x.graph();
  const NameScope scope(graph, at.name);
  const Output kernel = get_variable(graph, "kernel", x.dtype(), {x.shape()[1], o.units}, o.kernel_initializer,
                                     {.l2 = o.l2}, at.location);
  const Output y = matmul(x, kernel, {}, {"matmul", at.location});
  return with_bias(y, o.units, o, DataFormat::kNHWC, at.location);
}

Output dropout(const Output& x, const DropoutOptions& o, At at) {
  const Place place("dropout", at);
  place.check_defined("x", x);
  if (!(o.rate >= 0.0 && o.rate < 1.0)) {
    place.fail(fmt::format("rate must be in [0, 1); got {} (it is the share of elements that become 0)", o.rate));
  }
  place.check_floating("x", x);
  return o.training && o.rate > 0.0 ? gradus::dropout(x, o.rate, at) : x;
}

Output flatten(const Output& x, At at) {
  const Place place("flatten", at);
  place.check_defined("x", x);
  if (x.shape().rank() < 1) place.fail("needs a batch dimension; got a scalar");
  std::int64_t features = 1;
  for (int i = 1; i < x.shape().rank(); ++i) {
    if (x.shape()[i] == kUnknownDim) place.fail("only the batch may be unknown; got shape " + x.shape().to_string());
    if (!checked_multiply(features, x.shape()[i], &features))
      place.fail("the number of features does not fit in 63 bits; got shape " + x.shape().to_string());
  }
  return reshape(x, {-1, features}, at);
}

Output max_pool2d(const Output& x, const PoolOptions& o, At at) {
  const Place place("max_pool2d", at);
  return max_pool(x, pool_attrs(place, "max_pool", x, o), at);
}

Output avg_pool2d(const Output& x, const PoolOptions& o, At at) {
  const Place place("avg_pool2d", at);
  return avg_pool(x, pool_attrs(place, "avg_pool", x, o), at);
}

}  // namespace gradus::nn
