#include "gradus/ops/gather.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"
#include "gradus/ops/shape_operand.h"

namespace gradus {
namespace {

void require_index(ShapeContext& c, int i) {
  if (is_index(c.input_dtype(i))) return;
  c.fail(fmt::format("indices must be int32 or int64; got {}", dtype_name(c.input_dtype(i))));
}

// params.shape[:axis] + indices.shape + params.shape[axis+1:]
Shape gathered_shape(const Shape& params, const Shape& indices, std::int64_t axis) {
  const int a = normalize_axis(axis, params.rank());
  Shape result;
  for (int i = 0; i < a; ++i) result.push_back(params[i]);
  for (const std::int64_t d : indices) result.push_back(d);
  for (int i = a + 1; i < params.rank(); ++i) result.push_back(params[i]);
  return result;
}

void gather_shape(ShapeContext& c) {
  require_index(c, 1);
  c.set_output(0, c.input_dtype(0), gathered_shape(c.input_shape(0), c.input_shape(1), c.attrs<GatherAttrs>().axis));
}

std::optional<IntValues> gather_value(ShapeContext& c) {
  if (c.input_shape(0).rank() != 1) return std::nullopt;
  const auto params = c.input_symbols(0);
  const auto indices = c.input_value(1);
  if (!params || !indices) return std::nullopt;
  IntValues values;
  for (const std::int64_t i : *indices) {
    if (i != kUnknownValue && (i < 0 || i >= static_cast<std::int64_t>(params->size())))
      return std::nullopt;  // the run says so
    values.push_back(i == kUnknownValue ? kUnknownValue : (*params)[static_cast<std::size_t>(i)]);
  }
  return values;
}

void gather_grad_shape(ShapeContext& c) {
  require_index(c, 1);
  const Shape params = shape_operand(c, 2, "shape");
  const Shape wanted = gathered_shape(params, c.input_shape(1), c.attrs<GatherAttrs>().axis);
  if (!wanted.compatible_with(c.input_shape(0))) {
    c.fail(fmt::format("dy must have the gathered shape {}; got {}", wanted.to_string(), c.input_shape(0).to_string()));
  }
  c.set_output(0, c.input_dtype(0), params);
}

void one_hot_shape(ShapeContext& c) {
  const auto& attrs = c.attrs<OneHotAttrs>();
  const Shape& indices = c.input_shape(0);
  if (!is_integer(c.input_dtype(0)))
    c.fail(fmt::format("indices must be uint8, int32 or int64; got {}", dtype_name(c.input_dtype(0))));
  if (attrs.depth < 0) c.fail(fmt::format("depth must be at least 0; got {}", attrs.depth));
  for (const auto& [name, value] : {std::pair{"on_value", attrs.on_value}, {"off_value", attrs.off_value}}) {
    if (!fits(value, attrs.dtype)) c.fail(misfit_text(name, value, attrs.dtype));
  }
  std::vector<std::int64_t> dims = indices.dims();
  dims.insert(dims.begin() + normalize_axis(attrs.axis, indices.rank() + 1), attrs.depth);
  c.set_output(0, attrs.dtype, Shape(dims));
}

}  // namespace

Output gather(const Output& params, const Output& indices, std::int64_t axis, At at) {
  return add_op("Gather", {params, indices}, GatherAttrs{axis}, at);
}
Output gather_grad(const Output& dy, const Output& indices, const Output& shape, std::int64_t axis, At at) {
  return add_op("GatherGrad", {dy, indices, shape}, GatherAttrs{axis}, at);
}
Output one_hot(const Output& indices, const OneHotAttrs& attrs, At at) {
  return add_op("OneHot", {indices}, attrs, at);
}
Output one_hot(const Output& indices, std::int64_t depth, DType dtype, At at) {
  return one_hot(indices, OneHotAttrs{.depth = depth, .dtype = dtype}, at);
}

void register_gather_ops(OpRegistry& registry) {
  registry.add(def("Gather", {"params", "indices"}, {"y"}, gather_shape,
                   "The slices of params at the indices along one dimension.")
                   .attrs(GatherAttrs{})
                   .value(gather_value));
  registry.add(def("GatherGrad", {"dy", "indices", "shape"}, {"dparams"}, gather_grad_shape,
                   "Zeros to which every slice of dy is added at its index.")
                   .attrs(GatherAttrs{})
                   .host({2}));
  registry.add(def("OneHot", {"indices"}, {"y"}, one_hot_shape,
                   "on_value at each index of a new dimension, off_value elsewhere.")
                   .attrs(OneHotAttrs{})
                   .kernel_dtype(kDTypeOfOutput));
}

}  // namespace gradus
