#include "gradus/ops/conv2d.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/conv_geometry.h"
#include "gradus/ops/register_all.h"
#include "gradus/ops/reshape.h"
#include "gradus/ops/shape_operand.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

// "input float32 [2,5,5,3], filter float64 [3,3,3,4]"
std::string operand_text(const ShapeContext& c, int a, const char* a_name, int b, const char* b_name) {
  return fmt::format("{} {} {}, {} {} {}", a_name, dtype_name(c.input_dtype(a)), c.input_shape(a).to_string(), b_name,
                     dtype_name(c.input_dtype(b)), c.input_shape(b).to_string());
}

// The two real operands of an op: rank 4, one dtype. Which dtypes there are is a matter of the device's kernels.
void check_operands(const ShapeContext& c, int a, const char* a_name, int b, const char* b_name) {
  for (const auto& [i, name] : {std::pair{a, a_name}, {b, b_name}}) {
    if (c.input_shape(i).rank() != 4) {
      c.fail(fmt::format("{} must have rank 4; got {}", name, operand_text(c, a, a_name, b, b_name)));
    }
  }
  if (c.input_dtype(a) != c.input_dtype(b)) {
    c.fail(fmt::format("{} and {} must have the same dtype; got {}", a_name, b_name,
                       operand_text(c, a, a_name, b, b_name)));
  }
}

// The values of a sizes operand as far as they are known; `accepts_two` allows rows and columns alone. `operands` is the
// text of the other two.
IntValues sizes_operand(ShapeContext& c, int i, const char* name, bool accepts_two, const std::string& operands) {
  const Shape& shape = c.input_shape(i);
  if (c.input_dtype(i) != DType::kInt32) {
    c.fail(fmt::format("{} must be int32; got {} {}: {}", name, dtype_name(c.input_dtype(i)), shape.to_string(),
                       operands));
  }
  if (shape.rank() != 1)
    c.fail(fmt::format("{} must be a vector; got shape {}: {}", name, shape.to_string(), operands));
  const std::int64_t length = shape[0];
  if (length != kUnknownDim && length != 4 && !(accepts_two && length == 2)) {
    c.fail(fmt::format("{} must have 4 values{}; got {}: {}", name, accepts_two ? " (or 2: rows and columns)" : "",
                       length, operands));
  }
  const std::size_t count = length == 2 ? 2 : 4;
  IntValues values = c.input_value(i).value_or(IntValues(count, kUnknownValue));
  for (std::int64_t& value : values) {
    if (value == kUnknownValue) {
      value = kUnknownDim;
    } else if (value < 0) {
      c.fail(fmt::format("{} must not be negative; got [{}]: {}", name, fmt::join(*c.input_value(i), ","), operands));
    }
  }
  return values;
}

// out_backprop must be what the convolution would give.
void check_out_backprop(const ShapeContext& c, int i, const ConvGeometry& g, const char* input_name,
                        const Shape& filter) {
  const Shape expected = g.output_shape();
  const Shape& given = c.input_shape(i);
  if (given.compatible_with(expected)) return;
  const auto& attrs = c.attrs<Conv2DAttrs>();
  c.fail(
      fmt::format("out_backprop is {} but the convolution's output is {}: {} {}, filter {}, strides [{}], padding {}, "
                  "dilations [{}]",
                  image_text(given, g.data_format), image_text(expected, g.data_format), input_name,
                  image_text(g.input_shape(), g.data_format), filter_text(filter), fmt::join(attrs.strides, ","),
                  padding_name(attrs.padding), fmt::join(attrs.dilations, ",")));
}

// A gradient may be asked for a convolution without windows.
WindowPlacement gradient_placement(const Conv2DAttrs& attrs) {
  WindowPlacement placement = attrs.placement();
  placement.allow_empty_output = true;
  return placement;
}

void conv2d_shape(ShapeContext& c) {
  check_operands(c, 0, "input", 1, "filter");
  const ConvGeometry g = conv_geometry(c.attrs<Conv2DAttrs>().placement(), c.input_shape(0), c.input_shape(1));
  c.set_output(0, c.input_dtype(0), g.output_shape());
}

void conv2d_backprop_input_shape(ShapeContext& c) {
  check_operands(c, 1, "filter", 2, "out_backprop");
  const auto& attrs = c.attrs<Conv2DAttrs>();
  const ImageAxes axes = image_axes(attrs.data_format);
  const IntValues sizes = sizes_operand(c, 0, "input_sizes", true, operand_text(c, 1, "filter", 2, "out_backprop"));
  const std::int64_t batch = c.input_shape(2)[axes.batch];
  Shape input;
  if (sizes.size() == 2) {
    input = image_shape(attrs.data_format, batch, sizes[0], sizes[1], c.input_shape(1)[2]);
  } else {
    input = Shape(sizes);
    if (input[axes.batch] == kUnknownDim) input.set_dim(axes.batch, batch);
  }
  const ConvGeometry g = conv_geometry(gradient_placement(attrs), input, c.input_shape(1), "input_sizes");
  check_out_backprop(c, 2, g, "input_sizes", c.input_shape(1));
  c.set_output(0, c.input_dtype(1), input);
}

void conv2d_backprop_filter_shape(ShapeContext& c) {
  check_operands(c, 0, "input", 2, "out_backprop");
  Shape filter(sizes_operand(c, 1, "filter_sizes", false, operand_text(c, 0, "input", 2, "out_backprop")));
  if (filter[3] == kUnknownDim) {
    filter.set_dim(3, c.input_shape(2)[image_axes(c.attrs<Conv2DAttrs>().data_format).channels]);
  }
  const ConvGeometry g = conv_geometry(gradient_placement(c.attrs<Conv2DAttrs>()), c.input_shape(0), filter);
  check_out_backprop(c, 2, g, "input", filter);
  c.set_output(0, c.input_dtype(0), filter);
}

}  // namespace

WindowPlacement Conv2DAttrs::placement() const {
  return {.strides = strides,
          .dilations = dilations,
          .padding = padding,
          .explicit_paddings = explicit_paddings,
          .data_format = data_format,
          .allow_empty_output = allow_empty_output};
}

Output conv2d(const Output& input, const Output& filter, const Conv2DAttrs& attrs, At at) {
  return add_op("Conv2D", {input, filter}, attrs, at);
}

Output conv2d_backprop_input(const Output& input_sizes, const Output& filter, const Output& out_backprop,
                             const Conv2DAttrs& attrs, At at) {
  return add_op("Conv2DBackpropInput", {input_sizes, filter, out_backprop}, attrs, at);
}

Output conv2d_backprop_input(const std::vector<std::int64_t>& input_sizes, const Output& filter,
                             const Output& out_backprop, const Conv2DAttrs& attrs, At at) {
  const Caller caller{"Conv2DBackpropInput", at};
  Graph& graph = graph_of(caller, "filter", filter);
  return conv2d_backprop_input(sizes_constant(caller, graph, input_sizes, "input_sizes", DType::kInt32), filter,
                               out_backprop, attrs, at);
}

Output conv2d_backprop_filter(const Output& input, const Output& filter_sizes, const Output& out_backprop,
                              const Conv2DAttrs& attrs, At at) {
  return add_op("Conv2DBackpropFilter", {input, filter_sizes, out_backprop}, attrs, at);
}

Output conv2d_backprop_filter(const Output& input, const std::vector<std::int64_t>& filter_sizes,
                              const Output& out_backprop, const Conv2DAttrs& attrs, At at) {
  const Caller caller{"Conv2DBackpropFilter", at};
  Graph& graph = graph_of(caller, "input", input);
  return conv2d_backprop_filter(input, sizes_constant(caller, graph, filter_sizes, "filter_sizes", DType::kInt32),
                                out_backprop, attrs, at);
}

Output conv2d_transpose(const Output& value, const Output& filter, const Output& output_shape, const Conv2DAttrs& attrs,
                        At at) {
  return conv2d_backprop_input(output_shape, filter, value, attrs,
                               at.name.empty() ? At{"conv2d_transpose", at.location} : at);
}

Output conv2d_transpose(const Output& value, const Output& filter, const std::vector<std::int64_t>& output_shape,
                        const Conv2DAttrs& attrs, At at) {
  return conv2d_backprop_input(output_shape, filter, value, attrs,
                               at.name.empty() ? At{"conv2d_transpose", at.location} : at);
}

Output depthwise_conv2d(const Output& input, const Output& filter, const Conv2DAttrs& attrs, At at) {
  const Caller caller{"depthwise_conv2d", at};
  require_valid(caller, "input", input);
  require_valid(caller, "filter", filter);
  const Shape& image = input.shape();
  const Shape& shape = filter.shape();
  const std::string operands =
      fmt::format("input {}, filter {}", image_text(image, attrs.data_format), shape.to_string());
  if (image.rank() != 4 || shape.rank() != 4) {
    caller.fail("input and filter must have rank 4: " + operands);
  }
  const std::int64_t channels = image[image_axes(attrs.data_format).channels];
  if (channels == kUnknownDim || !shape.fully_known()) {
    caller.fail("the input's channels and the filter's shape must be known: " + operands);
  }
  if (channels != shape[2]) {
    caller.fail(fmt::format("input has {} channels but filter expects {}: {}", channels, shape[2], operands));
  }
  // [rows, columns, channels, multiplier] -> [rows, columns, 1, channels * multiplier]: the same memory
  const std::string base(at.name.empty() ? "depthwise_conv2d" : at.name);
  const Output grouped = reshape(filter, {shape[0], shape[1], 1, channels * shape[3]}, {base + "/filter", at.location});
  return conv2d(input, grouped, attrs, {base, at.location});
}

void register_conv2d_ops(OpRegistry& registry) {
  registry.add(def("Conv2D", {"input", "filter"}, {"output"}, conv2d_shape,
                   "y[n,i,j,k] = sum over r,s,c of x[n, i*stride-pad+r*dilation, ..., c] * w[r,s,c,k]")
                   .attrs(Conv2DAttrs{}));
  registry.add(def("Conv2DBackpropInput", {"input_sizes", "filter", "out_backprop"}, {"output"},
                   conv2d_backprop_input_shape, "The gradient of Conv2D with respect to its input.")
                   .attrs(Conv2DAttrs{})
                   .kernel_dtype(1)
                   .host({0}));
  registry.add(def("Conv2DBackpropFilter", {"input", "filter_sizes", "out_backprop"}, {"output"},
                   conv2d_backprop_filter_shape, "The gradient of Conv2D with respect to its filter.")
                   .attrs(Conv2DAttrs{})
                   .host({1}));
}

}  // namespace gradus
