#include "gradus/ops/slice.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"
#include "gradus/ops/shape_operand.h"

namespace gradus {
namespace {

SliceWindow window_of_slice(ShapeContext& c) {
  return slice_window(c.input_shape(0), vector_operand(c, 1, "begin"), vector_operand(c, 2, "size"));
}
void slice_shape(ShapeContext& c) { c.set_output(0, c.input_dtype(0), window_of_slice(c).output); }

SliceWindow window_of_strided_slice(ShapeContext& c, const Shape& x, int first) {
  return strided_slice_window(x, vector_operand(c, first, "begin"), vector_operand(c, first + 1, "end"),
                              vector_operand(c, first + 2, "strides"), c.attrs<StridedSliceAttrs>());
}
void strided_slice_shape(ShapeContext& c) {
  c.set_output(0, c.input_dtype(0), window_of_strided_slice(c, c.input_shape(0), 1).output);
}

// Elements of a vector that a fully known window takes.
std::optional<IntValues> sliced_values(ShapeContext& c, const SliceWindow& window, bool bounds_known) {
  const auto values = c.input_symbols(0);
  if (!values || window.rank != 1 || !bounds_known || window.size[0] == kUnknownDim) return std::nullopt;
  IntValues taken;
  for (std::int64_t i = 0; i < window.size[0]; ++i) {
    taken.push_back(values->at(static_cast<std::size_t>(window.begin[0] + i * window.step[0])));
  }
  return taken;
}
bool all_known(const IntValues& values) {
  return std::find(values.begin(), values.end(), kUnknownValue) == values.end();
}
std::optional<IntValues> slice_value(ShapeContext& c) {
  return sliced_values(c, window_of_slice(c), all_known(vector_operand(c, 1, "begin")));
}
std::optional<IntValues> strided_slice_value(ShapeContext& c) {
  return sliced_values(c, window_of_strided_slice(c, c.input_shape(0), 1), all_known(vector_operand(c, 1, "begin")));
}

void slice_grad_shape(ShapeContext& c) {
  const Shape x = shape_operand(c, 2, "shape");
  const IntValues begin = vector_operand(c, 1, "begin");
  if (x.rank() != c.input_shape(0).rank()) {
    c.fail(fmt::format("dy must have the rank of the sliced tensor; got {} for shape {}", c.input_shape(0).to_string(),
                       x.to_string()));
  }
  slice_window(x, begin, shape_values(c.input_shape(0)));
  c.set_output(0, c.input_dtype(0), x);
}

void strided_slice_grad_shape(ShapeContext& c) {
  const Shape x = shape_operand(c, 1, "shape");
  const Shape wanted = window_of_strided_slice(c, x, 2).output;
  if (!wanted.compatible_with(c.input_shape(0))) {
    c.fail(fmt::format("dy must have the slice's shape {}; got {}", wanted.to_string(), c.input_shape(0).to_string()));
  }
  c.set_output(0, c.input_dtype(0), x);
}

}  // namespace

Output slice(const Output& x, const Output& begin, const Output& size, At at) {
  return add_op("Slice", {x, begin, size}, {}, at);
}
Output slice(const Output& x, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& size, At at) {
  const Caller caller{"Slice", at};
  Graph& graph = graph_of(caller, "x", x);
  const Output first = sizes_constant(caller, graph, begin, "begin");
  return slice(x, first, sizes_constant(caller, graph, size, "size"), at);
}

Output strided_slice(const Output& x, const Output& begin, const Output& end, const Output& strides,
                     const StridedSliceAttrs& attrs, At at) {
  return add_op("StridedSlice", {x, begin, end, strides}, attrs, at);
}
Output strided_slice(const Output& x, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& end,
                     const std::vector<std::int64_t>& strides, const StridedSliceAttrs& attrs, At at) {
  const std::vector<std::int64_t> steps = strides.empty() ? std::vector<std::int64_t>(begin.size(), 1) : strides;
  const Caller caller{"StridedSlice", at};
  Graph& graph = graph_of(caller, "x", x);
  const auto operand = [&](const std::vector<std::int64_t>& values, const char* part) {
    return sizes_constant(caller, graph, values, part);
  };
  return strided_slice(x, operand(begin, "begin"), operand(end, "end"), operand(steps, "strides"), attrs, at);
}

Output slice_grad(const Output& dy, const Output& begin, const Output& shape, At at) {
  return add_op("SliceGrad", {dy, begin, shape}, {}, at);
}
Output strided_slice_grad(const Output& dy, const Output& shape, const Output& begin, const Output& end,
                          const Output& strides, const StridedSliceAttrs& attrs, At at) {
  return add_op("StridedSliceGrad", {dy, shape, begin, end, strides}, attrs, at);
}

void register_slice_ops(OpRegistry& registry) {
  registry.add(def("Slice", {"x", "begin", "size"}, {"y"}, slice_shape, "x[begin : begin + size] per dimension.")
                   .value(slice_value)
                   .host({1, 2}));
  registry.add(def("SliceGrad", {"dy", "begin", "shape"}, {"dx"}, slice_grad_shape,
                   "Zeros of the given shape with dy where the slice was taken.")
                   .host({1, 2}));
  registry.add(def("StridedSlice", {"x", "begin", "end", "strides"}, {"y"}, strided_slice_shape,
                   "x[begin : end : strides] per dimension, with masks.")
                   .attrs(StridedSliceAttrs{})
                   .value(strided_slice_value)
                   .host({1, 2, 3}));
  registry.add(def("StridedSliceGrad", {"dy", "shape", "begin", "end", "strides"}, {"dx"}, strided_slice_grad_shape,
                   "Zeros of the given shape with dy where the strided slice was taken.")
                   .attrs(StridedSliceAttrs{})
                   .host({1, 2, 3, 4}));
}

}  // namespace gradus
