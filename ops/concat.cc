#include "gradus/ops/concat.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"
#include "gradus/ops/shape_operand.h"

namespace gradus {
namespace {

std::vector<Output> all_outputs(Node& node) {
  std::vector<Output> outputs;
  for (int i = 0; i < node.num_outputs(); ++i) outputs.push_back(node.output(i));
  return outputs;
}

// Results of one node.
constexpr std::int64_t kMaxPieces = 1 << 20;

// What is known of operand i, element by element; its shape must be known.
IntValues known_elements(ShapeContext& c, int i) {
  const auto count = static_cast<std::size_t>(c.input_shape(i).num_elements());
  return c.input_symbols(i).value_or(IntValues(count, kUnknownValue));
}

void concat_shape(ShapeContext& c) {
  if (c.num_inputs() == 0) c.fail("there must be at least one value to join");
  c.require_same_dtype(0, c.num_inputs() - 1);
  Shape result = c.input_shape(0);
  if (result.rank() == 0)
    c.fail(fmt::format("scalars have no dimension to be joined along; stack() makes a vector of them; got {} scalars",
                       c.num_inputs()));
  const int axis = normalize_axis(c.attrs<ConcatAttrs>().axis, result.rank());
  for (int i = 1; i < c.num_inputs(); ++i) {
    Shape next = c.input_shape(i);
    bool fits = next.rank() == result.rank();
    for (int d = 0; fits && d < next.rank(); ++d) {
      if (d == axis) {
        const bool known = result[d] != kUnknownDim && next[d] != kUnknownDim;
        result.set_dim(d, known ? result[d] + next[d] : kUnknownDim);
      } else if (result[d] == kUnknownDim) {
        result.set_dim(d, next[d]);
      } else {
        fits = next[d] == kUnknownDim || next[d] == result[d];
      }
    }
    if (!fits) {
      c.fail(fmt::format("all dimensions but axis {} must agree; got {} for value 0 and {} for value {}", axis,
                         c.input_shape(0).to_string(), next.to_string(), i));
    }
  }
  c.set_output(0, c.input_dtype(0), result);
}

// Joining along axis 0 puts the elements one after another.
std::optional<IntValues> joined_values(ShapeContext& c, std::int64_t axis) {
  const int rank = c.input_shape(0).rank();
  if (rank > 1 && axis != 0 && axis != -rank) return std::nullopt;
  IntValues values;
  for (int i = 0; i < c.num_inputs(); ++i) {
    if (!c.input_shape(i).fully_known()) return std::nullopt;  // another operand's shape settled the result's
    const IntValues part = known_elements(c, i);
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}
std::optional<IntValues> concat_value(ShapeContext& c) { return joined_values(c, c.attrs<ConcatAttrs>().axis); }

void concat_grad_shape(ShapeContext& c) {
  const Shape& dy = c.input_shape(0);
  const int axis = normalize_axis(c.attrs<ConcatAttrs>().axis, dy.rank());
  std::int64_t total = 0;
  for (int i = 1; i < c.num_inputs(); ++i) {
    Shape piece = shape_operand(c, i, "shapes");
    bool fits = piece.rank() == dy.rank();
    for (int d = 0; fits && d < piece.rank(); ++d) {
      if (d != axis && piece[d] == kUnknownDim) piece.set_dim(d, dy[d]);
      fits = d == axis || dy[d] == kUnknownDim || piece[d] == dy[d];
    }
    if (!fits)
      c.fail(fmt::format("piece {} of shape {} does not fit into dy {} along axis {}", i - 1, piece.to_string(),
                         dy.to_string(), axis));
    total = total == kUnknownDim || piece[axis] == kUnknownDim ? kUnknownDim : total + piece[axis];
    c.set_output(i - 1, c.input_dtype(0), piece);
  }
  if (total != kUnknownDim && dy[axis] != kUnknownDim && total != dy[axis]) {
    c.fail(fmt::format("the pieces add up to {} along axis {}; dy is {}", total, axis, dy.to_string()));
  }
}

void split_shape(ShapeContext& c) {
  const auto& attrs = c.attrs<SplitAttrs>();
  const Shape& x = c.input_shape(0);
  const int axis = normalize_axis(attrs.axis, x.rank());
  const std::int64_t dim = x[axis];
  const std::string got = fmt::format("; got num_splits {}, sizes [{}] for axis {} of shape {}", attrs.num_splits,
                                      fmt::join(attrs.sizes, ","), axis, x.to_string());
  std::vector<std::int64_t> sizes = attrs.sizes;
  if (sizes.empty()) {
    if (attrs.num_splits < 1 || attrs.num_splits > kMaxPieces)
      c.fail("num_splits must be at least 1 and at most 2^20, or sizes be given" + got);
    if (dim != kUnknownDim && dim % attrs.num_splits != 0) c.fail("num_splits must divide the dimension" + got);
    sizes.assign(static_cast<std::size_t>(attrs.num_splits), dim == kUnknownDim ? kUnknownDim : dim / attrs.num_splits);
  } else {
    std::int64_t total = 0;
    std::int64_t* rest = nullptr;
    for (std::int64_t& size : sizes) {
      if (size < -1 || (size == -1 && rest != nullptr)) c.fail("sizes must be at least 0, or -1 once" + got);
      if (size == -1)
        rest = &size;
      else if (__builtin_add_overflow(total, size, &total))
        c.fail("the sizes do not fit in 63 bits" + got);
    }
    if (dim != kUnknownDim && (rest == nullptr ? total != dim : total > dim))
      c.fail("sizes must add up to the dimension" + got);
    if (dim != kUnknownDim && rest != nullptr) *rest = dim - total;
  }
  Shape piece = x;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    piece.set_dim(axis, sizes[i]);
    c.set_output(static_cast<int>(i), c.input_dtype(0), piece);
  }
}

void stack_shape(ShapeContext& c) {
  if (c.num_inputs() == 0) c.fail("there must be at least one value to stack");
  c.require_same_dtype(0, c.num_inputs() - 1);
  Shape each = c.input_shape(0);
  for (int i = 1; i < c.num_inputs(); ++i) {
    if (!each.compatible_with(c.input_shape(i))) {
      c.fail(fmt::format("all values must have the same shape; got {} for value 0 and {} for value {}",
                         c.input_shape(0).to_string(), c.input_shape(i).to_string(), i));
    }
    each = each.merged_with(c.input_shape(i));
  }
  std::vector<std::int64_t> dims = each.dims();
  dims.insert(dims.begin() + normalize_axis(c.attrs<StackAttrs>().axis, each.rank() + 1), c.num_inputs());
  c.set_output(0, c.input_dtype(0), Shape(dims));
}
std::optional<IntValues> stack_value(ShapeContext& c) {
  const std::int64_t axis = c.attrs<StackAttrs>().axis;
  const int rank = c.input_shape(0).rank() + 1;
  if (axis != 0 && axis != -rank) return std::nullopt;
  return joined_values(c, 0);
}

void unstack_shape(ShapeContext& c) {
  const auto& attrs = c.attrs<UnstackAttrs>();
  const Shape& x = c.input_shape(0);
  const int axis = normalize_axis(attrs.axis, x.rank());
  const std::int64_t num = x[axis] == kUnknownDim ? attrs.num : x[axis];
  if (num < 0 || (attrs.num >= 0 && attrs.num != num)) {
    c.fail(fmt::format("num must be the size of axis {} of shape {}; got {}", axis, x.to_string(), attrs.num));
  }
  if (num > kMaxPieces) {
    c.fail(fmt::format("axis {} of shape {} would become {} results; at most {} are possible", axis, x.to_string(), num,
                       kMaxPieces));
  }
  std::vector<std::int64_t> dims = x.dims();
  dims.erase(dims.begin() + axis);
  for (int i = 0; i < num; ++i) c.set_output(i, c.input_dtype(0), Shape(dims));
}

}  // namespace

Output concat(const std::vector<Output>& values, std::int64_t axis, At at) {
  if (values.empty()) Caller{"Concat", at}.fail("concat needs at least one value");
  return add_op("Concat", values, ConcatAttrs{axis}, at);
}

std::vector<Output> split(const Output& x, std::int64_t num_splits, std::int64_t axis, At at) {
  return all_outputs(add_node("Split", {x}, SplitAttrs{axis, num_splits, {}}, at));
}
std::vector<Output> split_sizes(const Output& x, const std::vector<std::int64_t>& sizes, std::int64_t axis, At at) {
  return all_outputs(add_node("Split", {x}, SplitAttrs{axis, 0, sizes}, at));
}

Output stack(const std::vector<Output>& values, std::int64_t axis, At at) {
  if (values.empty()) Caller{"Stack", at}.fail("stack needs at least one value");
  return add_op("Stack", values, StackAttrs{axis}, at);
}
std::vector<Output> unstack(const Output& x, std::int64_t axis, std::int64_t num, At at) {
  return all_outputs(add_node("Unstack", {x}, UnstackAttrs{axis, num}, at));
}

std::vector<Output> concat_grad(const Output& dy, const std::vector<Output>& shapes, std::int64_t axis, At at) {
  std::vector<Output> inputs{dy};
  inputs.insert(inputs.end(), shapes.begin(), shapes.end());
  return all_outputs(add_node("ConcatGrad", inputs, ConcatAttrs{axis}, at));
}

void register_concat_ops(OpRegistry& registry) {
  registry.add(def("Concat", {"values..."}, {"y"}, concat_shape, "The values one after another along one dimension.")
                   .attrs(ConcatAttrs{})
                   .value(concat_value));
  registry.add(def("ConcatGrad", {"dy", "shapes..."}, {"pieces..."}, concat_grad_shape,
                   "dy cut along one dimension into pieces of the given shapes.")
                   .attrs(ConcatAttrs{})
                   .host({1}));
  registry.add(def("Split", {"x"}, {"pieces..."}, split_shape, "x cut along one dimension.").attrs(SplitAttrs{}));
  registry.add(def("Stack", {"values..."}, {"y"}, stack_shape,
                   "Values of one shape as the slices of a tensor with one more dimension.")
                   .attrs(StackAttrs{})
                   .value(stack_value));
  registry.add(
      def("Unstack", {"x"}, {"values..."}, unstack_shape, "The slices of x along one dimension, which goes away.")
          .attrs(UnstackAttrs{}));
}

}  // namespace gradus
