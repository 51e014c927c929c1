#include "gradus/ops/pooling.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/register_all.h"
#include "gradus/ops/shape_operand.h"

namespace gradus {
namespace {

void check_image(ShapeContext& c, int i, const char* name) {
  c.require_rank(i, 4, name);
  c.require_floating(i, name);
}

// Operand i must have the shape of the pooled image.
void check_pooled(ShapeContext& c, int i, const char* name, const WindowGeometry& g, const Shape& image) {
  const Shape expected = g.output_shape(g.channels);
  if (c.input_shape(i).compatible_with(expected)) return;
  const auto& attrs = c.attrs<PoolAttrs>();
  c.fail(fmt::format("{} is {} but the pooled image is {}: input {}, ksize [{}], strides [{}], padding {}", name,
                     image_text(c.input_shape(i), attrs.data_format), image_text(expected, attrs.data_format),
                     image_text(image, attrs.data_format), fmt::join(attrs.ksize, ","), fmt::join(attrs.strides, ","),
                     padding_name(attrs.padding)));
}

void pool_shape(ShapeContext& c) {
  check_image(c, 0, "input");
  const WindowGeometry g = pool_geometry(c.attrs<PoolAttrs>(), c.input_shape(0));
  c.set_output(0, c.input_dtype(0), g.output_shape(g.channels));
}

void max_pool_grad_shape(ShapeContext& c) {
  check_image(c, 0, "input");
  check_image(c, 1, "out_backprop");
  c.require_same_dtype(0, 1);
  check_pooled(c, 1, "out_backprop", pool_geometry(c.attrs<PoolAttrs>(), c.input_shape(0), true), c.input_shape(0));
  c.set_output(0, c.input_dtype(0), c.input_shape(0));
}

void max_pool_grad_grad_shape(ShapeContext& c) {
  check_image(c, 0, "input");
  check_image(c, 1, "grad");
  c.require_same_dtype(0, 1);
  const Shape image = c.require_same_shape(1, "grad", 0, "input");
  const WindowGeometry g = pool_geometry(c.attrs<PoolAttrs>(), image, true);
  c.set_output(0, c.input_dtype(0), g.output_shape(g.channels));
}

void avg_pool_grad_shape(ShapeContext& c) {
  check_image(c, 1, "out_backprop");
  const Shape image = shape_operand(c, 0, "input_sizes");
  if (image.rank() != 4) c.fail(fmt::format("input_sizes must have 4 values; got {}", image.rank()));
  check_pooled(c, 1, "out_backprop", pool_geometry(c.attrs<PoolAttrs>(), image, true), image);
  c.set_output(0, c.input_dtype(1), image);
}

}  // namespace

WindowGeometry pool_geometry(const PoolAttrs& attrs, const Shape& image, bool allow_empty_output) {
  const std::string operands =
      fmt::format("input {}, ksize [{}]", image_text(image, attrs.data_format), fmt::join(attrs.ksize, ","));
  check_per_dimension("ksize", attrs.ksize, attrs.data_format, operands);
  const ImageAxes axes = image_axes(attrs.data_format);
  const auto height = static_cast<std::size_t>(axes.height), width = static_cast<std::size_t>(axes.width);
  const WindowPlacement placement{.strides = attrs.strides,
                                  .dilations = {},
                                  .padding = attrs.padding,
                                  .explicit_paddings = attrs.explicit_paddings,
                                  .data_format = attrs.data_format,
                                  .allow_empty_output = attrs.allow_empty_output || allow_empty_output};
  check_placement(placement, operands);
  for (const std::size_t axis : {height, width}) {
    if (attrs.padding != Padding::kExplicit) break;
    for (const std::size_t side : {2 * axis, 2 * axis + 1}) {
      if (attrs.explicit_paddings[side] < attrs.ksize[axis]) continue;
      throw invalid_argument(fmt::format("explicit paddings must be smaller than the window; got [{}]: {}",
                                         fmt::join(attrs.explicit_paddings, ","), operands));
    }
  }
  const WindowGeometry g =
      window_geometry(placement, image, attrs.ksize[height], attrs.ksize[width], "window", operands);
  for (const WindowAxis& axis : {g.rows, g.columns}) {
    if (axis.in == 0 && axis.out > 0) throw invalid_argument("a window would see nothing but padding: " + operands);
  }
  return g;
}

PoolAttrs square_pool(std::int64_t size, std::int64_t stride, Padding padding, DataFormat data_format) {
  const auto per_dimension = [&](std::int64_t value) { return image_shape(data_format, 1, value, value, 1).dims(); };
  return {
      .ksize = per_dimension(size), .strides = per_dimension(stride), .padding = padding, .data_format = data_format};
}

Output max_pool(const Output& input, const PoolAttrs& attrs, At at) { return add_op("MaxPool", {input}, attrs, at); }
Output avg_pool(const Output& input, const PoolAttrs& attrs, At at) { return add_op("AvgPool", {input}, attrs, at); }
Output max_pool_grad(const Output& input, const Output& out_backprop, const PoolAttrs& attrs, At at) {
  return add_op("MaxPoolGrad", {input, out_backprop}, attrs, at);
}
Output max_pool_grad_grad(const Output& input, const Output& grad, const PoolAttrs& attrs, At at) {
  return add_op("MaxPoolGradGrad", {input, grad}, attrs, at);
}
Output avg_pool_grad(const Output& input_sizes, const Output& out_backprop, const PoolAttrs& attrs, At at) {
  return add_op("AvgPoolGrad", {input_sizes, out_backprop}, attrs, at);
}

Output global_avg_pool(const Output& input, DataFormat data_format, bool keep_dims, At at) {
  const Caller caller{"global_avg_pool", at};
  require_valid(caller, "input", input);
  if (input.shape().rank() != 4) {
    caller.fail(fmt::format("input must have rank 4, images in {} order; got shape {}", data_format_name(data_format),
                            input.shape().to_string()));
  }
  const ImageAxes axes = image_axes(data_format);
  return reduce_mean(input, {axes.height, axes.width}, keep_dims, at);
}

void register_pooling_ops(OpRegistry& registry) {
  registry.add(def("MaxPool", {"input"}, {"output"}, pool_shape,
                   "The maximum over each window; the first of equal ones, NaN if there is one.")
                   .attrs(PoolAttrs{}));
  registry.add(def("MaxPoolGrad", {"input", "out_backprop"}, {"input_backprop"}, max_pool_grad_shape,
                   "Adds out_backprop of each window to the pixel that is its maximum.")
                   .attrs(PoolAttrs{}));
  registry.add(def("MaxPoolGradGrad", {"input", "grad"}, {"output"}, max_pool_grad_grad_shape,
                   "For each window the element of grad where input has its maximum.")
                   .attrs(PoolAttrs{}));
  registry.add(def("AvgPool", {"input"}, {"output"}, pool_shape, "The mean of the real pixels under each window.")
                   .attrs(PoolAttrs{}));
  registry.add(def("AvgPoolGrad", {"input_sizes", "out_backprop"}, {"input_backprop"}, avg_pool_grad_shape,
                   "Spreads out_backprop of each window evenly over its real pixels.")
                   .attrs(PoolAttrs{})
                   .kernel_dtype(1)
                   .host({0}));
}

}  // namespace gradus
