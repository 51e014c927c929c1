#include "gradus/ops/bias_add.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

int channel_axis(const Shape& shape, DataFormat format) { return format == DataFormat::kNHWC ? shape.rank() - 1 : 1; }

void check_value(ShapeContext& c, const char* name) {
  c.require_floating(0, name);
  if (c.input_shape(0).rank() < 2) {
    c.fail(fmt::format("{} must have rank 2 or more; got {}", name, c.input_shape(0).to_string()));
  }
}

void bias_add_shape(ShapeContext& c) {
  check_value(c, "value");
  c.require_rank(1, 1, "bias");
  c.require_same_dtype(0, 1);
  Shape result = c.input_shape(0);
  const DataFormat format = c.attrs<BiasAddAttrs>().data_format;
  const int axis = channel_axis(result, format);
  const std::int64_t channels = result[axis], length = c.input_shape(1)[0];
  if (channels != kUnknownDim && length != kUnknownDim && channels != length) {
    c.fail(fmt::format("bias has {} elements but value has {} channels: value {} {}, bias {}", length, channels,
                       result.to_string(), data_format_name(format), c.input_shape(1).to_string()));
  }
  if (channels == kUnknownDim) result.set_dim(axis, length);
  c.set_output(0, c.input_dtype(0), result);
}

void bias_add_grad_shape(ShapeContext& c) {
  check_value(c, "out_backprop");
  const Shape& shape = c.input_shape(0);
  c.set_output(0, c.input_dtype(0), Shape{shape[channel_axis(shape, c.attrs<BiasAddAttrs>().data_format)]});
}

}  // namespace

AxisExtents channel_extents(const Shape& shape, DataFormat format) {
  return axis_extents(shape, channel_axis(shape, format));
}

Output bias_add(const Output& value, const Output& bias, const BiasAddAttrs& attrs, At at) {
  return add_op("BiasAdd", {value, bias}, attrs, at);
}

Output bias_add_grad(const Output& out_backprop, const BiasAddAttrs& attrs, At at) {
  return add_op("BiasAddGrad", {out_backprop}, attrs, at);
}

void register_bias_add_ops(OpRegistry& registry) {
  registry.add(def("BiasAdd", {"value", "bias"}, {"output"}, bias_add_shape, "value + bias, one bias per channel")
                   .attrs(BiasAddAttrs{})
                   .inplace({0}));
  registry.add(def("BiasAddGrad", {"out_backprop"}, {"output"}, bias_add_grad_shape,
                   "The sum of out_backprop over everything but the channels.")
                   .attrs(BiasAddAttrs{}));
}

}  // namespace gradus
