#include "gradus/ops/reshape.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"
#include "gradus/ops/shape_operand.h"
#include "gradus/ops/shape_ops.h"

namespace gradus {
namespace {

std::optional<IntValues> same_value(ShapeContext& c) { return c.input_symbols(0); }

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

// The size that a -1 in the target stands for whatever x's unknown dimensions are, such as a batch: reshape(x, {shape(x)[0], -1}).
// Symbols of the target that are dimensions of x cancel these; kUnknownDim where something unknown is left.
std::int64_t size_beside_symbols(ShapeContext& c, const Shape& x) {
  std::int64_t elements = 1, product = 1;
  std::vector<std::int64_t> symbols;
  for (int d = 0; d < x.rank(); ++d) {
    if (x[d] == kUnknownDim)
      symbols.push_back(c.dimension_symbol(0, d));
    else if (!checked_multiply(elements, x[d], &elements))
      return kUnknownDim;
  }
  for (const std::int64_t v : c.input_symbols(1).value_or(IntValues{kUnknownValue})) {
    if (const auto same = std::find(symbols.begin(), symbols.end(), v); v != kUnknownValue && same != symbols.end())
      symbols.erase(same);
    else if (is_unknown(v) || (v != -1 && !checked_multiply(product, v, &product)))
      return kUnknownDim;
  }
  return symbols.empty() && product > 0 && elements % product == 0 ? elements / product : kUnknownDim;
}

void reshape_shape(ShapeContext& c) {
  const Shape& x = c.input_shape(0);
  const IntValues target = vector_operand(c, 1, "target");
  if (target.size() > Shape::kMaxRank)
    c.fail(fmt::format("the target has {} sizes; a tensor has at most {} dimensions", target.size(), Shape::kMaxRank));
  Shape result = reshaped(c, x, target);
  const auto inferred = std::find(target.begin(), target.end(), -1);
  if (inferred != target.end() && !x.fully_known())
    result.set_dim(static_cast<int>(inferred - target.begin()), size_beside_symbols(c, x));
  c.set_output(0, c.input_dtype(0), result);
}

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

}  // namespace

Output reshape(const Output& x, const Output& target, At at) { return add_op("Reshape", {x, target}, {}, at); }
Output reshape(const Output& x, const std::vector<std::int64_t>& target, At at) {
  const Caller caller{"Reshape", at};
  return reshape(x, sizes_constant(caller, graph_of(caller, "x", x), target, "target"), at);
}
Output reshape_like(const Output& x, const Output& like, At at) {
  const Caller caller{"reshape_like", at};
  require_valid(caller, "x", x);
  require_valid(caller, "like", like);
  const Shape& wanted = like.shape();
  if (wanted.fully_known() && x.shape() == wanted) return x;
  // One unknown dimension can be written as -1: then nothing has to stay in memory for its shape only.
  const auto unknown = std::count(wanted.begin(), wanted.end(), kUnknownDim);
  const auto empty = std::count(wanted.begin(), wanted.end(), 0);
  if (unknown == 0 || (unknown == 1 && empty == 0)) return reshape(x, wanted.dims(), at);
  return reshape(x, shape(like, at.location), at);
}

Output expand_dims(const Output& x, std::int64_t axis, At at) {
  return add_op("ExpandDims", {x}, ExpandDimsAttrs{axis}, at);
}
Output squeeze(const Output& x, const std::vector<std::int64_t>& axes, At at) {
  return add_op("Squeeze", {x}, SqueezeAttrs{axes}, at);
}

void register_reshape_ops(OpRegistry& registry) {
  registry.add(
      def("Reshape", {"x", "target"}, {"y"}, reshape_shape, "The elements of x in row-major order under another shape.")
          .value(same_value)
          .kind(OpKind::kView)
          .host({1}));
  registry.add(def("ExpandDims", {"x"}, {"y"}, expand_dims_shape, "x with a new dimension of size 1.")
                   .attrs(ExpandDimsAttrs{})
                   .value(same_value)
                   .kind(OpKind::kView));
  registry.add(def("Squeeze", {"x"}, {"y"}, squeeze_shape, "x without dimensions of size 1.")
                   .attrs(SqueezeAttrs{})
                   .value(same_value)
                   .kind(OpKind::kView));
}

}  // namespace gradus
