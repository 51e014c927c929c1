#include "gradus/nn/layers.h"

#include <fmt/format.h>

#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/nn/variables.h"
#include "gradus/ops/bias_add.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/pooling.h"
#include "gradus/ops/random.h"
#include "gradus/ops/shape_ops.h"

namespace gradus::nn {
namespace {

std::vector<std::int64_t> per_dimension(const std::vector<std::int64_t>& rows_columns, DataFormat format) {
  const Shape shape = image_shape(format, 1, rows_columns[0], rows_columns[1], 1);
  return shape.dims();
}

// Checks what all window layers share and returns the number of input channels.
template <class Options>
std::int64_t check_image(const char* layer, std::string_view name, SourceLocation location, const Output& x,
                         const Options& o) {
  if (x.shape().rank() != 4) fail(layer, name, location, "needs images of rank 4; got shape " + x.shape().to_string());
  for (const auto* pair : {&o.kernel, &o.strides, &o.dilations}) {
    if (pair->size() != 2)
      fail(layer, name, location,
           fmt::format("kernel, strides and dilations are 2 values (rows, columns); got {}", pair->size()));
  }
  if (o.kernel[0] < 1 || o.kernel[1] < 1) {
    fail(layer, name, location,
         fmt::format("the kernel must have at least 1 row and 1 column; got {} x {}", o.kernel[0], o.kernel[1]));
  }
  const std::int64_t channels = x.shape()[image_axes(o.data_format).channels];
  if (channels == kUnknownDim) {
    fail(layer, name, location, "the number of channels must be known; got shape " + x.shape().to_string());
  }
  return channels;
}

Conv2DAttrs conv_attrs(const std::vector<std::int64_t>& strides, const std::vector<std::int64_t>& dilations,
                       Padding padding, DataFormat format, bool use_cudnn_on_gpu) {
  return {.strides = per_dimension(strides, format),
          .padding = padding,
          .use_cudnn_on_gpu = use_cudnn_on_gpu,
          .data_format = format,
          .dilations = per_dimension(dilations, format)};
}

}  // namespace

Output conv2d(const Output& x, const Conv2DOptions& o, std::string_view name, SourceLocation location) {
  const std::int64_t channels = check_image("conv2d", name, location, x, o);
  if (o.filters < 1) fail("conv2d", name, location, fmt::format("filters must be at least 1; got {}", o.filters));
  if (o.groups < 1 || channels % o.groups != 0 || o.filters % o.groups != 0) {
    fail("conv2d", name, location,
         fmt::format("groups must divide the {} channels and the {} filters; got {}", channels, o.filters, o.groups));
  }
  Graph& graph = x.graph();
  const NameScope scope(graph, name);
  const Shape kernel_shape{o.kernel[0], o.kernel[1], channels / o.groups, o.filters};
  const Output kernel =
      get_variable(graph, "kernel", x.dtype(), kernel_shape, o.kernel_initializer, {.l2 = o.l2}, location);
  const Output y = gradus::conv2d(
      x, kernel, conv_attrs(o.strides, o.dilations, o.padding, o.data_format, o.use_cudnn_on_gpu), "conv", location);
  if (!o.use_bias) return y;
  const Output bias = get_variable(graph, "bias", x.dtype(), {o.filters}, o.bias_initializer, {}, location);
  return bias_add(y, bias, {.data_format = o.data_format}, "bias_add", location);
}

Output depthwise_conv2d(const Output& x, const DepthwiseConv2DOptions& o, std::string_view name,
                        SourceLocation location) {
  const std::int64_t channels = check_image("depthwise_conv2d", name, location, x, o);
  if (o.multiplier < 1)
    fail("depthwise_conv2d", name, location, fmt::format("multiplier must be at least 1; got {}", o.multiplier));
  Graph& graph = x.graph();
  const NameScope scope(graph, name);
  const Shape kernel_shape{o.kernel[0], o.kernel[1], channels, o.multiplier};
  // Drawn as the grouped convolution that it is, [rows, columns, 1, C * multiplier]: every output channel sees one input
  // channel, so that its fan-in is rows * columns.
  const Initializer initializer = [&](Graph& g, DType dtype, const Shape&) {
    const Shape grouped{o.kernel[0], o.kernel[1], 1, channels * o.multiplier};
    return reshape(o.kernel_initializer(g, dtype, grouped), kernel_shape.dims());
  };
  const Output kernel = get_variable(graph, "kernel", x.dtype(), kernel_shape, initializer, {.l2 = o.l2}, location);
  const Output y = gradus::depthwise_conv2d(
      x, kernel, conv_attrs(o.strides, o.dilations, o.padding, o.data_format, true), "conv", location);
  if (!o.use_bias) return y;
  const Output bias =
      get_variable(graph, "bias", x.dtype(), {channels * o.multiplier}, o.bias_initializer, {}, location);
  return bias_add(y, bias, {.data_format = o.data_format}, "bias_add", location);
}

Output dense(const Output& x, const DenseOptions& o, std::string_view name, SourceLocation location) {
  if (o.units < 1) fail("dense", name, location, fmt::format("units must be at least 1; got {}", o.units));
  if (x.shape().rank() != 2 || x.shape()[1] == kUnknownDim) {
    fail("dense", name, location,
         "needs [batch, features] with known features (flatten() images first); got shape " + x.shape().to_string());
  }
  Graph& graph = x.graph();
  const NameScope scope(graph, name);
  const Output kernel =
      get_variable(graph, "kernel", x.dtype(), {x.shape()[1], o.units}, o.kernel_initializer, {.l2 = o.l2}, location);
  const Output y = matmul(x, kernel, {}, "matmul", location);
  if (!o.use_bias) return y;
  const Output bias = get_variable(graph, "bias", x.dtype(), {o.units}, o.bias_initializer, {}, location);
  return bias_add(y, bias, {}, "bias_add", location);
}

Output dropout(const Output& x, const DropoutOptions& o, std::string_view name, SourceLocation location) {
  if (!(o.rate >= 0.0 && o.rate < 1.0)) {
    fail("dropout", name, location, fmt::format("rate must be in [0, 1); got {}", o.rate));
  }
  return o.training && o.rate > 0.0 ? gradus::dropout(x, o.rate, name, location) : x;
}

Output flatten(const Output& x, std::string_view name, SourceLocation location) {
  if (x.shape().rank() < 1) fail("flatten", name, location, "needs a batch dimension; got a scalar");
  std::int64_t features = 1;
  for (int i = 1; i < x.shape().rank(); ++i) {
    if (x.shape()[i] == kUnknownDim)
      fail("flatten", name, location, "only the batch may be unknown; got shape " + x.shape().to_string());
    features *= x.shape()[i];
  }
  return reshape(x, {-1, features}, name, location);
}

Output max_pool2d(const Output& x, const PoolOptions& o, std::string_view name, SourceLocation location) {
  return max_pool(x, square_pool(o.size, o.stride == 0 ? o.size : o.stride, o.padding, o.data_format), name, location);
}

Output avg_pool2d(const Output& x, const PoolOptions& o, std::string_view name, SourceLocation location) {
  return avg_pool(x, square_pool(o.size, o.stride == 0 ? o.size : o.stride, o.padding, o.data_format), name, location);
}

}  // namespace gradus::nn
