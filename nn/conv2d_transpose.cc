#include "gradus/nn/conv2d_transpose.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/nn/variables.h"
#include "gradus/ops/bias_add.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/concat.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/slice.h"
#include "gradus/ops/source_ops.h"

namespace gradus::nn {
namespace {

// Output size of an axis: size * stride + the constant that this returns.
std::int64_t size_beyond_stride(const Conv2DTransposeOptions& o, std::size_t axis) {
  const std::int64_t stride = o.strides[axis], extent = (o.kernel[axis] - 1) * o.dilations[axis] + 1;
  const bool same = o.padding == Padding::kSame;
  if (o.output_padding.empty()) return same ? 0 : std::max<std::int64_t>(extent - stride, 0);
  return extent + o.output_padding[axis] - stride - (same ? extent / 2 * 2 : 0);
}

std::string listed(const Size2& size) { return fmt::format("{},{}", size.rows(), size.columns()); }

// Returns the number of input channels.
std::int64_t check(const Place& place, const Output& x, const Conv2DTransposeOptions& o) {
  const auto refuse = [&](const std::string& text) { place.fail(text); };
  place.check_name();
  place.check_defined("x", x);
  place.check_floating("the images", x);
  place.check_not_negative("l2", o.l2);
  if (x.shape().rank() != 4) refuse("needs images of rank 4; got shape " + x.shape().to_string());
  for (const auto& [text, values] :
       {std::pair{"kernel", &o.kernel}, {"strides", &o.strides}, {"dilations", &o.dilations}}) {
    const bool good = values->size() == 2 && values->rows() >= 1 && values->columns() >= 1 &&
                      std::max(values->rows(), values->columns()) <= INT32_MAX;
    if (good) continue;
    refuse(
        fmt::format("{} must be one number or 2 values from 1 on (rows, columns); got {}", text,
                    values->size() == 2 ? "[" + listed(*values) + "]" : fmt::format("a list of {}", values->size())));
  }
  if (o.filters < 1) refuse(fmt::format("filters must be at least 1; got {}", o.filters));
  if (o.padding == Padding::kExplicit) refuse("padding must be SAME or VALID; got EXPLICIT");
  if (!o.output_padding.empty()) {
    bool good = o.output_padding.size() == 2;
    for (std::size_t i = 0; good && i < 2; ++i) good = o.output_padding[i] >= 0 && o.output_padding[i] < o.strides[i];
    if (!good) {
      refuse(
          fmt::format("output_padding must be 2 values from 0 on, each smaller than its stride; got [{}] for strides "
                      "[{}]",
                      fmt::join(o.output_padding, ","), listed(o.strides)));
    }
  }
  for (std::size_t i = 0; i < o.output_padding.size() && o.padding == Padding::kSame; ++i) {
    // The convolution that goes back has one window less: no size with these options leads to it.
    if (o.output_padding[i] == 0 && (o.kernel[i] - 1) * o.dilations[i] % 2 == 1) {
      refuse(
          fmt::format("with SAME and an even kernel output_padding must be at least 1, or be left out; got [{}] for "
                      "kernel [{}], dilations [{}]",
                      fmt::join(o.output_padding, ","), listed(o.kernel), listed(o.dilations)));
    }
  }
  const std::int64_t channels = x.shape()[image_axes(o.data_format).channels];
  if (channels == kUnknownDim) refuse("the number of channels must be known; got shape " + x.shape().to_string());
  return channels;
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

Output conv2d_transpose(const Output& x, const Conv2DTransposeOptions& o, At at) {
  const Place place("conv2d_transpose", at);
  const std::int64_t channels = check(place, x, o);
  Graph& graph = x.graph();
  const NameScope scope(graph, at.name);
  const double taps = static_cast<double>(o.kernel[0] * o.kernel[1]);
  const Fans fans{taps * static_cast<double>(channels), taps * static_cast<double>(o.filters)};
  const Output kernel = get_variable(graph, "kernel", x.dtype(), {o.kernel[0], o.kernel[1], o.filters, channels},
                                     o.kernel_initializer.with_fans(fans), {.l2 = o.l2}, at.location);
  const auto per_dimension = [&](const Size2& v) { return image_shape(o.data_format, 1, v[0], v[1], 1).dims(); };
  const Conv2DAttrs attrs{.strides = per_dimension(o.strides),
                          .padding = o.padding,
                          .use_cudnn_on_gpu = o.use_cudnn_on_gpu,
                          .data_format = o.data_format,
                          .dilations = per_dimension(o.dilations)};
  const Output y = gradus::conv2d_transpose(x, kernel, output_sizes(place, x, o, at.location), attrs,
                                            {"conv_transpose", at.location});
  if (!o.use_bias) return y;
  const Output bias = get_variable(graph, "bias", x.dtype(), {o.filters}, o.bias_initializer, {}, at.location);
  return bias_add(y, bias, {.data_format = o.data_format}, {"bias_add", at.location});
}

}  // namespace gradus::nn
