#include "gradus/ops/shape_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "gradus/core/wrapping.h"
#include "gradus/ops/shape_operand.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();

void shape_shape(ShapeContext& c) {
  for (const std::int64_t d : c.input_shape(0)) {
    if (d > kInt32Max) c.fail("a dimension does not fit int32; got " + c.input_shape(0).to_string());
  }
  c.set_output(0, DType::kInt32, Shape{c.input_shape(0).rank()});
}
std::optional<IntValues> shape_value(ShapeContext& c) { return shape_values(c.input_shape(0)); }

void size_shape(ShapeContext& c) {
  if (c.input_shape(0).fully_known() && c.input_shape(0).num_elements() > kInt32Max) {
    c.fail("the element count does not fit int32; got " + c.input_shape(0).to_string());
  }
  c.set_output(0, DType::kInt32, {});
}
std::optional<IntValues> size_value(ShapeContext& c) {
  if (!c.input_shape(0).fully_known()) return std::nullopt;
  return IntValues{c.input_shape(0).num_elements()};
}

void rank_shape(ShapeContext& c) { c.set_output(0, DType::kInt32, {}); }
std::optional<IntValues> rank_value(ShapeContext& c) { return IntValues{c.input_shape(0).rank()}; }

std::optional<IntValues> same_value(ShapeContext& c) { return c.input_value(0); }

// ---- Reshape ----

// The shape that `target` gives a tensor of shape x; kUnknownValue elements and unknown dimensions stay unknown unless the
// element count settles them.
Shape reshaped(ShapeContext& c, const Shape& x, const IntValues& target) {
  const auto mismatch = [&](const char* rule) {
    std::string text;
    for (const std::int64_t v : target)
      text += (text.empty() ? "" : ",") + (v == kUnknownValue ? "?" : std::to_string(v));
    c.fail(fmt::format("{}; got shape {} to [{}]", rule, x.to_string(), text));
  };
  int inferred = -1;  // the -1
  int unknown = -1;   // the last kUnknownValue
  int unknowns = 0;
  std::int64_t product = 1;  // of the known sizes
  Shape result;
  for (std::size_t i = 0; i < target.size(); ++i) {
    const std::int64_t v = target[i];
    if (v == kUnknownValue) {
      unknown = static_cast<int>(i);
      ++unknowns;
    } else if (v == -1) {
      if (inferred >= 0) mismatch("the target may have one -1");
      inferred = static_cast<int>(i);
    } else if (v < 0) {
      mismatch("target sizes must be at least 0, or -1 once");
    } else if (!checked_multiply(product, v, &product)) {
      mismatch("the target's element count does not fit in 63 bits");
    }
    result.push_back(v < 0 ? kUnknownDim : v);
  }
  if (inferred >= 0 && product == 0) mismatch("a -1 cannot be inferred beside a size of 0");
  if (!x.fully_known()) return result;
  const std::int64_t count = x.num_elements();
  if (inferred < 0 && unknowns == 0) {
    if (product != count) mismatch("both shapes must have the same number of elements");
  } else if (product == 0 ? count != 0 : count % product != 0) {
    mismatch("the target's sizes must divide the number of elements");
  } else if (product > 0 && inferred >= 0 && unknowns == 0) {
    result.set_dim(inferred, count / product);
  } else if (product > 0 && inferred < 0 && unknowns == 1) {
    result.set_dim(unknown, count / product);
  }
  return result;
}

// With an unknown batch, reshape(x, {shape(x)[0], -1}) still has a known second dimension: it is the same whatever the
// batch is. The target is therefore asked for with two made-up sets of sizes in place of x's unknown dimensions. Where every
// unknown element of the target proves to be one of these dimensions, and both answers give the -1 one size, that size is
// known.
constexpr std::int64_t kProbes[2][Shape::kMaxRank] = {{3, 7, 13, 29, 43, 61, 83, 107},
                                                      {1009, 53, 2003, 71, 4001, 5003, 97, 6007}};

// The size of the -1 under one set, or kUnknownDim.
std::int64_t probed_size(ShapeContext& c, const Shape& x, const IntValues& target, int set) {
  Shape probe = x;
  for (int i = 0; i < x.rank(); ++i) {
    if (x[i] == kUnknownDim) probe.set_dim(i, kProbes[set][i]);
  }
  const auto values = c.input_value_if(1, 0, probe);
  if (!values) return kUnknownDim;
  std::int64_t product = 1;
  for (std::size_t e = 0; e < target.size(); ++e) {
    const std::int64_t v = (*values)[e];
    bool known = target[e] != kUnknownValue;
    for (int i = 0; i < x.rank(); ++i) known = known || (x[i] == kUnknownDim && v == kProbes[set][i]);
    if (!known || (v != -1 && !checked_multiply(product, v, &product))) return kUnknownDim;
  }
  return product == 0 || probe.num_elements() % product != 0 ? kUnknownDim : probe.num_elements() / product;
}

void reshape_shape(ShapeContext& c) {
  const Shape& x = c.input_shape(0);
  const IntValues target = vector_operand(c, 1, "target");
  if (target.size() > Shape::kMaxRank)
    c.fail(fmt::format("the target has {} sizes; a tensor has at most {} dimensions", target.size(), Shape::kMaxRank));
  Shape result = reshaped(c, x, target);
  const bool has_unknown = std::find(target.begin(), target.end(), kUnknownValue) != target.end();
  const auto inferred = std::find(target.begin(), target.end(), -1);
  if (has_unknown && inferred != target.end() && !x.fully_known()) {
    const std::int64_t size = probed_size(c, x, target, 0);
    if (size == probed_size(c, x, target, 1)) result.set_dim(static_cast<int>(inferred - target.begin()), size);
  }
  c.set_output(0, c.input_dtype(0), result);
}

// ---- ExpandDims, Squeeze ----

void expand_dims_shape(ShapeContext& c) {
  const Shape& x = c.input_shape(0);
  const std::int64_t axis = c.attrs<ExpandDimsAttrs>().axis;
  const int rank = x.rank() + 1;
  if (axis < -rank || axis >= rank) {
    c.fail(fmt::format("axis must lie in [-{}, {}] for a tensor of shape {}; got {}", rank, rank - 1, x.to_string(),
                       axis));
  }
  std::vector<std::int64_t> dims = x.dims();
  dims.insert(dims.begin() + (axis < 0 ? axis + rank : axis), 1);
  c.set_output(0, c.input_dtype(0), Shape(dims));
}

void squeeze_shape(ShapeContext& c) {
  const Shape& x = c.input_shape(0);
  const auto& axes = c.attrs<SqueezeAttrs>().axes;
  std::vector<bool> removed(static_cast<std::size_t>(x.rank()), false);
  for (const std::int64_t axis : axes) {
    const int a = normalize_axis(axis, x.rank());
    if (x[a] != 1 && x[a] != kUnknownDim) {
      c.fail(fmt::format("only dimensions of size 1 can be squeezed; got axis {} of shape {}", axis, x.to_string()));
    }
    removed[static_cast<std::size_t>(a)] = true;
  }
  if (axes.empty() && !x.fully_known()) {
    c.fail("squeeze without axes needs a fully known shape; got " + x.to_string() + "; name the axes");
  }
  Shape result;
  for (int i = 0; i < x.rank(); ++i) {
    if (axes.empty() ? x[i] != 1 : !removed[static_cast<std::size_t>(i)]) result.push_back(x[i]);
  }
  c.set_output(0, c.input_dtype(0), result);
}

// ---- Tensors of a given shape ----

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
  const auto value = c.input_value(1);
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
  if (dtype != DType::kInt32 && dtype != DType::kInt64) {
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

Output shape(const Output& x, std::string_view name, SourceLocation location) {
  return add_op("Shape", {x}, {}, name, location);
}
Output size(const Output& x, std::string_view name, SourceLocation location) {
  return add_op("Size", {x}, {}, name, location);
}
Output rank(const Output& x, std::string_view name, SourceLocation location) {
  return add_op("Rank", {x}, {}, name, location);
}

Output reshape(const Output& x, const Output& target, std::string_view name, SourceLocation location) {
  return add_op("Reshape", {x, target}, {}, name, location);
}
Output reshape(const Output& x, const std::vector<std::int64_t>& target, std::string_view name,
               SourceLocation location) {
  Graph& graph = graph_of({"Reshape", name, location}, "x", x);
  return reshape(x, sizes_constant(graph, target, name.empty() ? "Reshape" : name, "target", location), name, location);
}
Output reshape_like(const Output& x, const Output& like, std::string_view name, SourceLocation location) {
  const Caller caller{"reshape_like", name, location};
  require_valid(caller, "x", x);
  require_valid(caller, "like", like);
  const Shape& wanted = like.shape();
  if (wanted.fully_known() && x.shape() == wanted) return x;
  // One unknown dimension can be written as -1: then nothing has to stay in memory for its shape only.
  const auto unknown = std::count(wanted.begin(), wanted.end(), kUnknownDim);
  const auto empty = std::count(wanted.begin(), wanted.end(), 0);
  if (unknown == 0 || (unknown == 1 && empty == 0)) return reshape(x, wanted.dims(), name, location);
  return reshape(x, shape(like, "", location), name, location);
}

Output expand_dims(const Output& x, std::int64_t axis, std::string_view name, SourceLocation location) {
  return add_op("ExpandDims", {x}, ExpandDimsAttrs{axis}, name, location);
}
Output squeeze(const Output& x, const std::vector<std::int64_t>& axes, std::string_view name, SourceLocation location) {
  return add_op("Squeeze", {x}, SqueezeAttrs{axes}, name, location);
}

Output zeros_like(const Output& x, std::string_view name, SourceLocation location) {
  return add_op("ZerosLike", {x}, {}, name, location);
}
Output ones_like(const Output& x, std::string_view name, SourceLocation location) {
  return add_op("OnesLike", {x}, {}, name, location);
}

Output fill(const Output& dims, const Output& value, std::string_view name, SourceLocation location) {
  return add_op("Fill", {dims, value}, {}, name, location);
}
Output fill(const std::vector<std::int64_t>& dims, const Output& value, std::string_view name,
            SourceLocation location) {
  Graph& graph = graph_of({"Fill", name, location}, "value", value);
  return fill(sizes_constant(graph, dims, name.empty() ? "Fill" : name, "dims", location), value, name, location);
}

Output broadcast_to(const Output& x, const Output& target, std::string_view name, SourceLocation location) {
  return add_op("BroadcastTo", {x, target}, {}, name, location);
}
Output broadcast_to(const Output& x, const std::vector<std::int64_t>& target, std::string_view name,
                    SourceLocation location) {
  Graph& graph = graph_of({"BroadcastTo", name, location}, "x", x);
  const Output sizes = sizes_constant(graph, target, name.empty() ? "BroadcastTo" : name, "target", location);
  return broadcast_to(x, sizes, name, location);
}

Output range(const Output& start, const Output& limit, const Output& delta, std::string_view name,
             SourceLocation location) {
  return add_op("Range", {start, limit, delta}, {}, name, location);
}
Output range(Graph& graph, std::int32_t start, std::int32_t limit, std::int32_t delta, std::string_view name,
             SourceLocation location) {
  const std::string prefix(name.empty() ? "Range" : name);
  const auto number = [&](std::int32_t value, const char* part) {
    return constant(graph, Tensor::scalar(value), prefix + part, location);
  };
  return range(number(start, "/start"), number(limit, "/limit"), number(delta, "/delta"), name, location);
}

void register_shape_ops(OpRegistry& registry) {
  registry.add({.name = "Shape",
                .inputs = {"x"},
                .outputs = {"shape"},
                .shape = shape_shape,
                .summary = "The shape of x as an int32 vector.",
                .value = shape_value});
  registry.add({.name = "Size",
                .inputs = {"x"},
                .outputs = {"size"},
                .shape = size_shape,
                .summary = "The number of elements of x as an int32 scalar.",
                .value = size_value});
  registry.add({.name = "Rank",
                .inputs = {"x"},
                .outputs = {"rank"},
                .shape = rank_shape,
                .summary = "The number of dimensions of x as an int32 scalar.",
                .value = rank_value});
  registry.add({.name = "Reshape",
                .inputs = {"x", "target"},
                .outputs = {"y"},
                .shape = reshape_shape,
                .summary = "The elements of x in row-major order under another shape.",
                .value = same_value,
                .kind = OpKind::kView,
                .host_operands = {1}});
  registry.add({.name = "ExpandDims",
                .inputs = {"x"},
                .outputs = {"y"},
                .shape = expand_dims_shape,
                .attrs = ExpandDimsAttrs{},
                .summary = "x with a new dimension of size 1.",
                .value = same_value,
                .kind = OpKind::kView});
  registry.add({.name = "Squeeze",
                .inputs = {"x"},
                .outputs = {"y"},
                .shape = squeeze_shape,
                .attrs = SqueezeAttrs{},
                .summary = "x without dimensions of size 1.",
                .value = same_value,
                .kind = OpKind::kView});
  registry.add({.name = "ZerosLike",
                .inputs = {"x"},
                .outputs = {"y"},
                .shape = like_shape,
                .summary = "Zeros of x's shape and dtype.",
                .value = like_value<0>});
  registry.add({.name = "OnesLike",
                .inputs = {"x"},
                .outputs = {"y"},
                .shape = like_shape,
                .summary = "Ones of x's shape and dtype.",
                .value = like_value<1>});
  registry.add({.name = "Fill",
                .inputs = {"dims", "value"},
                .outputs = {"y"},
                .shape = fill_shape,
                .summary = "A tensor of shape dims, every element the scalar value.",
                .value = fill_value,
                .kernel_dtype = 1,
                .host_operands = {0}});
  registry.add({.name = "BroadcastTo",
                .inputs = {"x", "target"},
                .outputs = {"y"},
                .shape = broadcast_to_shape,
                .summary = "x repeated to the shape target by NumPy's broadcasting rule.",
                .kind = OpKind::kView,  // x itself where nothing is repeated
                .host_operands = {1}});
  registry.add({.name = "Range",
                .inputs = {"start", "limit", "delta"},
                .outputs = {"y"},
                .shape = range_shape,
                .summary = "start, start + delta, ... before limit.",
                .value = range_value,
                .host_operands = {0, 1, 2}});
}

}  // namespace gradus
