#include "gradus/ops/reduction.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"
#include "gradus/ops/shape_operand.h"
#include "gradus/ops/shape_ops.h"

namespace gradus {
namespace {

void reduction_shape(ShapeContext& c) {
  if (c.input_dtype(0) == DType::kBool) c.fail("x must be numeric; got bool");
  const auto& attrs = c.attrs<ReductionAttrs>();
  const Shape& x = c.input_shape(0);
  const std::vector<int> axes = reduced_axes(attrs.axes, x.rank());
  Shape y;
  for (int i = 0; i < x.rank(); ++i) {
    const bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!reduced || attrs.keep_dims) y.push_back(reduced ? 1 : x[i]);
  }
  c.set_output(0, c.input_dtype(0), y);
}

void floating_reduction_shape(ShapeContext& c) {
  c.require_floating(0, "x");
  reduction_shape(c);
}

void l2_loss_shape(ShapeContext& c) {
  c.require_floating(0, "x");
  c.set_output(0, c.input_dtype(0), Shape{});
}

void sum_to_shape_shape(ShapeContext& c) {
  const Shape& x = c.input_shape(0);
  const Shape y = shape_operand(c, 1, "shape");
  const int missing = x.rank() - y.rank();
  bool fits = missing >= 0;
  for (int i = 0; fits && i < y.rank(); ++i) {
    const std::int64_t from = x[missing + i];
    fits = y[i] == 1 || y[i] == from || y[i] == kUnknownDim || from == kUnknownDim;
  }
  if (!fits) c.fail(fmt::format("shape {} does not broadcast to x's {}", y.to_string(), x.to_string()));
  c.set_output(0, c.input_dtype(0), y);
}

// Follows reductions of a vector to one number, such as the element count prod(shape(x)).
template <std::int64_t initial, class F>
ValueFn followed(F) {
  return [](ShapeContext& c) -> std::optional<IntValues> {
    const auto x = c.input_value(0);
    if (!x || c.input_shape(0).rank() != 1) return std::nullopt;
    std::int64_t result = initial;
    for (std::int64_t v : *x) {
      if (v == kUnknownValue || !F{}(result, v, &result)) return std::nullopt;
    }
    if (c.input_dtype(0) == DType::kInt32 && (result > INT32_MAX || result < INT32_MIN)) return std::nullopt;
    return IntValues{result};
  };
}

Output reduce(const char* op, const Output& x, const std::vector<std::int64_t>& axes, bool keep_dims, At at) {
  return add_op(op, {x}, ReductionAttrs{axes, keep_dims}, at);
}

}  // namespace

std::vector<int> reduced_axes(const std::vector<std::int64_t>& axes, int rank) {
  std::vector<int> result;
  for (std::int64_t axis : axes) result.push_back(normalize_axis(axis, rank));
  for (int i = 0; axes.empty() && i < rank; ++i) result.push_back(i);
  std::sort(result.begin(), result.end());
  if (const auto twice = std::adjacent_find(result.begin(), result.end()); twice != result.end()) {
    throw invalid_argument(fmt::format("axis {} is named twice", *twice));
  }
  return result;
}

Output reduce_sum(const Output& x, const std::vector<std::int64_t>& axes, bool keep_dims, At at) {
  return reduce("Sum", x, axes, keep_dims, at);
}
Output reduce_mean(const Output& x, const std::vector<std::int64_t>& axes, bool keep_dims, At at) {
  return reduce("Mean", x, axes, keep_dims, at);
}
Output reduce_max(const Output& x, const std::vector<std::int64_t>& axes, bool keep_dims, At at) {
  return reduce("Max", x, axes, keep_dims, at);
}
Output reduce_min(const Output& x, const std::vector<std::int64_t>& axes, bool keep_dims, At at) {
  return reduce("Min", x, axes, keep_dims, at);
}
Output reduce_prod(const Output& x, const std::vector<std::int64_t>& axes, bool keep_dims, At at) {
  return reduce("Prod", x, axes, keep_dims, at);
}

Output reduce_euclidean_norm(const Output& x, const std::vector<std::int64_t>& axes, bool keep_dims, At at) {
  return reduce("EuclideanNorm", x, axes, keep_dims, at);
}

Output l2_loss(const Output& x, At at) { return add_op("L2Loss", {x}, {}, at); }

Output sum_to_shape(const Output& x, const Output& shape, At at) { return add_op("SumToShape", {x, shape}, {}, at); }

Output sum_to_shape_of(const Output& x, const Output& like, At at) {
  const Caller caller{"sum_to_shape_of", at};
  require_valid(caller, "x", x);
  require_valid(caller, "like", like);
  if (x == like || (x.shape().fully_known() && x.shape() == like.shape())) return x;
  return sum_to_shape(x, shape(like, at.location), at);
}

void register_reduction_ops(OpRegistry& registry) {
  using Size = std::int64_t;
  const auto add = [&](const char* name, ShapeFn shape, const char* summary, ValueFn value = nullptr) {
    registry.add(def(name, {"x"}, {"y"}, shape, summary).attrs(ReductionAttrs{}).value(value));
  };
  add("Sum", reduction_shape, "y = sum of x over axes",
      followed<0>([](Size a, Size b, Size* c) { return !__builtin_add_overflow(a, b, c); }));
  add("Mean", floating_reduction_shape, "y = mean of x over axes");
  add("Max", reduction_shape, "y = largest x over axes", followed<INT64_MIN>([](Size a, Size b, Size* c) {
        *c = std::max(a, b);
        return true;
      }));
  add("Min", reduction_shape, "y = smallest x over axes", followed<INT64_MAX>([](Size a, Size b, Size* c) {
        *c = std::min(a, b);
        return true;
      }));
  add("Prod", reduction_shape, "y = product of x over axes",
      followed<1>([](Size a, Size b, Size* c) { return !__builtin_mul_overflow(a, b, c); }));
  add("EuclideanNorm", floating_reduction_shape, "y = sqrt(sum of x^2 over axes)");
  registry.add(def("L2Loss", {"x"}, {"loss"}, l2_loss_shape, "loss = sum(x^2) / 2"));
  registry.add(def("SumToShape", {"x", "shape"}, {"y"}, sum_to_shape_shape,
                   "y = x summed over the dimensions in which `shape` was broadcast")
                   .kind(OpKind::kView)  // x itself where nothing was
                   .host({1}));
}

}  // namespace gradus
