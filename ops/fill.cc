#include "gradus/ops/fill.h"

#include <fmt/format.h>

#include "gradus/core/wrapping.h"
#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"
#include "gradus/ops/shape_operand.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

void like_shape(ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(0)); }
template <int value>
std::optional<IntValues> like_value(ShapeContext& c) {
  if (!c.input_shape(0).fully_known()) return std::nullopt;
  return IntValues(static_cast<std::size_t>(c.input_shape(0).num_elements()), value);
}

void fill_shape(ShapeContext& c) {
  const Shape result = shape_operand(c, 0, "dims");
  c.require_rank(1, 0, "value");
  c.set_output(0, c.input_dtype(1), result);
}
std::optional<IntValues> fill_value(ShapeContext& c) {
  const Shape result = shape_operand(c, 0, "dims");
  const auto value = c.input_symbols(1);
  if (!value || !result.fully_known()) return std::nullopt;
  return IntValues(static_cast<std::size_t>(result.num_elements()), value->at(0));
}

void broadcast_to_shape(ShapeContext& c) {
  const Shape& x = c.input_shape(0);
  Shape result = shape_operand(c, 1, "target");
  bool fits = x.rank() <= result.rank();
  for (int i = 1; fits && i <= x.rank(); ++i) {
    const std::int64_t from = x[x.rank() - i];
    const std::int64_t to = result[result.rank() - i];
    if (from == kUnknownDim || from == 1) continue;
    if (to == kUnknownDim) result.set_dim(result.rank() - i, from);
    fits = to == kUnknownDim || to == from;
  }
  if (!fits) c.fail(fmt::format("shape {} does not broadcast to {}", x.to_string(), result.to_string()));
  c.set_output(0, c.input_dtype(0), result);
}

// Elements of start, start + delta, ... before limit. The differences are taken in 128 bits: they may exceed 63.
std::int64_t range_length(ShapeContext& c, std::int64_t start, std::int64_t limit, std::int64_t delta) {
  if (delta == 0) c.fail(fmt::format("delta must not be 0; got start {}, limit {}", start, limit));
  __extension__ using Wide = __int128;
  const Wide distance = delta > 0 ? Wide{limit} - start : Wide{start} - limit;
  const Wide step = delta > 0 ? Wide{delta} : -Wide{delta};
  const Wide count = distance <= 0 ? 0 : (distance + step - 1) / step;
  if (count > INT64_MAX) {
    c.fail(fmt::format("the element count does not fit in 63 bits; got start {}, limit {}, delta {}", start, limit,
                       delta));
  }
  return static_cast<std::int64_t>(count);
}

// start, limit and delta where all three are known.
std::optional<IntValues> range_operands(ShapeContext& c) {
  IntValues operands;
  for (int i = 0; i < 3; ++i) {
    const auto value = c.input_value(i);
    if (!value || value->at(0) == kUnknownValue) return std::nullopt;
    operands.push_back(value->at(0));
  }
  return operands;
}

void range_shape(ShapeContext& c) {
  c.require_same_dtype(0, 2);
  const DType dtype = c.input_dtype(0);
  if (!is_index(dtype)) {
    c.fail(fmt::format("range needs int32 or int64 operands (cast its result); got {}", dtype_name(dtype)));
  }
  c.require_rank(0, 0, "start");
  c.require_rank(1, 0, "limit");
  c.require_rank(2, 0, "delta");
  const auto known = range_operands(c);
  c.set_output(0, dtype, Shape{known ? range_length(c, (*known)[0], (*known)[1], (*known)[2]) : kUnknownDim});
}
std::optional<IntValues> range_value(ShapeContext& c) {
  const auto known = range_operands(c);
  if (!known) return std::nullopt;
  IntValues values;
  const std::int64_t length = range_length(c, (*known)[0], (*known)[1], (*known)[2]);
  for (std::int64_t i = 0; i < length; ++i)
    values.push_back(static_cast<std::int64_t>(wrapping((*known)[0]) + wrapping(i) * wrapping((*known)[2])));
  return values;
}

}  // namespace

Output zeros_like(const Output& x, At at) { return add_op("ZerosLike", {x}, {}, at); }
Output ones_like(const Output& x, At at) { return add_op("OnesLike", {x}, {}, at); }

Output fill(const Output& dims, const Output& value, At at) { return add_op("Fill", {dims, value}, {}, at); }
Output fill(const std::vector<std::int64_t>& dims, const Output& value, At at) {
  const Caller caller{"Fill", at};
  return fill(sizes_constant(caller, graph_of(caller, "value", value), dims, "dims"), value, at);
}

Output broadcast_to(const Output& x, const Output& target, At at) { return add_op("BroadcastTo", {x, target}, {}, at); }
Output broadcast_to(const Output& x, const std::vector<std::int64_t>& target, At at) {
  const Caller caller{"BroadcastTo", at};
  return broadcast_to(x, sizes_constant(caller, graph_of(caller, "x", x), target, "target"), at);
}

Output range(const Output& start, const Output& limit, const Output& delta, At at) {
  return add_op("Range", {start, limit, delta}, {}, at);
}
Output range(Graph& graph, std::int32_t start, std::int32_t limit, std::int32_t delta, At at) {
  const std::string prefix(at.name.empty() ? "Range" : at.name);
  const auto number = [&](std::int32_t value, const char* part) {
    return constant(graph, Tensor::scalar(value), {prefix + part, at.location});
  };
  return range(number(start, "/start"), number(limit, "/limit"), number(delta, "/delta"), at);
}

void register_fill_ops(OpRegistry& registry) {
  registry.add(def("ZerosLike", {"x"}, {"y"}, like_shape, "Zeros of x's shape and dtype.").value(like_value<0>));
  registry.add(def("OnesLike", {"x"}, {"y"}, like_shape, "Ones of x's shape and dtype.").value(like_value<1>));
  registry.add(
      def("Fill", {"dims", "value"}, {"y"}, fill_shape, "A tensor of shape dims, every element the scalar value.")
          .value(fill_value)
          .kernel_dtype(1)
          .host({0}));
  registry.add(def("BroadcastTo", {"x", "target"}, {"y"}, broadcast_to_shape,
                   "x repeated to the shape target by NumPy's broadcasting rule.")
                   .kind(OpKind::kView)  // x itself where nothing is repeated
                   .host({1}));
  registry.add(def("Range", {"start", "limit", "delta"}, {"y"}, range_shape, "start, start + delta, ... before limit.")
                   .value(range_value)
                   .host({0, 1, 2}));
}

}  // namespace gradus
