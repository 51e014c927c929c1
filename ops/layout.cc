#include "gradus/ops/layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/ops/shape_operand.h"

namespace gradus {
namespace {

// Results of one node.
constexpr std::int64_t kMaxPieces = 1 << 20;

// What is known of operand i, element by element; its shape must be known.
IntValues known_elements(ShapeContext& c, int i) {
  const auto count = static_cast<std::size_t>(c.input_shape(i).num_elements());
  return c.input_value(i).value_or(IntValues(count, kUnknownValue));
}

void transpose_shape(ShapeContext& c) {
  const Shape& x = c.input_shape(0);
  const auto& perm = c.attrs<TransposeAttrs>().perm;
  std::vector<bool> seen(static_cast<std::size_t>(x.rank()), false);
  bool good = perm.empty() || perm.size() == seen.size();
  for (std::size_t i = 0; good && i < perm.size(); ++i) {
    good = perm[i] >= 0 && perm[i] < x.rank() && !seen[static_cast<std::size_t>(perm[i])];
    if (good) seen[static_cast<std::size_t>(perm[i])] = true;
  }
  if (!good)
    c.fail(fmt::format("perm must be a permutation of the dimensions of {}; got [{}]", x.to_string(),
                       fmt::join(perm, ",")));
  Shape result;
  for (int i = 0; i < x.rank(); ++i) {
    result.push_back(x[perm.empty() ? x.rank() - 1 - i : static_cast<int>(perm[static_cast<std::size_t>(i)])]);
  }
  c.set_output(0, c.input_dtype(0), result);
}

// ---- Concat, ConcatGrad, Split ----

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

// ---- Stack, Unstack ----

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

// ---- Slice, StridedSlice and their gradients ----

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
  const auto values = c.input_value(0);
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

// ---- Pad, Tile and their gradients ----

void pad_shape(ShapeContext& c) {
  const Number& value = c.attrs<PadAttrs>().constant_value;
  if (!fits(value, c.input_dtype(0))) c.fail(misfit_text("constant_value", value, c.input_dtype(0)));
  c.set_output(0, c.input_dtype(0), padded_shape(c.input_shape(0), c.attrs<PadAttrs>().paddings, false));
}
void mirror_pad_shape(ShapeContext& c) {
  c.set_output(0, c.input_dtype(0), padded_shape(c.input_shape(0), c.attrs<MirrorPadAttrs>().paddings, true));
}
void mirror_pad_grad_shape(ShapeContext& c) {
  c.set_output(0, c.input_dtype(0), padded_shape(c.input_shape(0), c.attrs<MirrorPadAttrs>().paddings, true, -1));
}

// multiples, checked against the rank of operand 0.
IntValues multiples_operand(ShapeContext& c) {
  const IntValues multiples = vector_operand(c, 1, "multiples");
  const bool negative =
      std::any_of(multiples.begin(), multiples.end(), [](auto m) { return m < 0 && m != kUnknownValue; });
  if (negative || multiples.size() != static_cast<std::size_t>(c.input_shape(0).rank())) {
    c.fail(fmt::format("multiples must have one element >= 0 per dimension of {}; got [{}]",
                       c.input_shape(0).to_string(), fmt::join(multiples, ",")));
  }
  return multiples;
}

void tile_shape(ShapeContext& c) {
  const IntValues multiples = multiples_operand(c);
  Shape result = c.input_shape(0);
  for (int i = 0; i < result.rank(); ++i) {
    const std::int64_t m = multiples[static_cast<std::size_t>(i)];
    std::int64_t size = kUnknownDim;
    if (m == 0 || result[i] == 0)
      size = 0;
    else if (m != kUnknownValue && result[i] != kUnknownDim && !checked_multiply(m, result[i], &size)) {
      c.fail(fmt::format("dimension {} of {} times {} does not fit in 63 bits", i, result.to_string(), m));
    }
    result.set_dim(i, size);
  }
  c.set_output(0, c.input_dtype(0), result);
}

// The shape is an operand, because with a multiple of 0 it could not be told from dy.
void tile_grad_shape(ShapeContext& c) {
  const IntValues multiples = multiples_operand(c);
  Shape result = shape_operand(c, 2, "shape");
  const Shape& dy = c.input_shape(0);
  bool fits = result.rank() == dy.rank();
  for (int i = 0; fits && i < dy.rank(); ++i) {
    const std::int64_t m = multiples[static_cast<std::size_t>(i)];
    if (m == kUnknownValue || dy[i] == kUnknownDim) continue;
    if (result[i] == kUnknownDim) {
      fits = m == 0 ? dy[i] == 0 : dy[i] % m == 0;
      if (fits && m > 0) result.set_dim(i, dy[i] / m);
    } else {
      std::int64_t tiled = 0;
      fits = checked_multiply(m, result[i], &tiled) && tiled == dy[i];
    }
  }
  if (!fits) {
    c.fail(fmt::format("dy must have the tiled shape; got {} for shape {} times [{}]", dy.to_string(),
                       result.to_string(), fmt::join(multiples, ",")));
  }
  c.set_output(0, c.input_dtype(0), result);
}

}  // namespace

void register_layout_ops(OpRegistry& registry) {
  registry.add({.name = "Transpose",
                .inputs = {"x"},
                .outputs = {"y"},
                .shape = transpose_shape,
                .attrs = TransposeAttrs{},
                .summary = "x with its dimensions permuted."});
  registry.add({.name = "Concat",
                .inputs = {"values..."},
                .outputs = {"y"},
                .shape = concat_shape,
                .attrs = ConcatAttrs{},
                .summary = "The values one after another along one dimension.",
                .value = concat_value});
  registry.add({.name = "ConcatGrad",
                .inputs = {"dy", "shapes..."},
                .outputs = {"pieces..."},
                .shape = concat_grad_shape,
                .attrs = ConcatAttrs{},
                .summary = "dy cut along one dimension into pieces of the given shapes.",
                .host_operands = {1}});
  registry.add({.name = "Split",
                .inputs = {"x"},
                .outputs = {"pieces..."},
                .shape = split_shape,
                .attrs = SplitAttrs{},
                .summary = "x cut along one dimension."});
  registry.add({.name = "Stack",
                .inputs = {"values..."},
                .outputs = {"y"},
                .shape = stack_shape,
                .attrs = StackAttrs{},
                .summary = "Values of one shape as the slices of a tensor with one more dimension.",
                .value = stack_value});
  registry.add({.name = "Unstack",
                .inputs = {"x"},
                .outputs = {"values..."},
                .shape = unstack_shape,
                .attrs = UnstackAttrs{},
                .summary = "The slices of x along one dimension, which goes away."});
  registry.add({.name = "Slice",
                .inputs = {"x", "begin", "size"},
                .outputs = {"y"},
                .shape = slice_shape,
                .summary = "x[begin : begin + size] per dimension.",
                .value = slice_value,
                .host_operands = {1, 2}});
  registry.add({.name = "SliceGrad",
                .inputs = {"dy", "begin", "shape"},
                .outputs = {"dx"},
                .shape = slice_grad_shape,
                .summary = "Zeros of the given shape with dy where the slice was taken.",
                .host_operands = {1, 2}});
  registry.add({.name = "StridedSlice",
                .inputs = {"x", "begin", "end", "strides"},
                .outputs = {"y"},
                .shape = strided_slice_shape,
                .attrs = StridedSliceAttrs{},
                .summary = "x[begin : end : strides] per dimension, with masks.",
                .value = strided_slice_value,
                .host_operands = {1, 2, 3}});
  registry.add({.name = "StridedSliceGrad",
                .inputs = {"dy", "shape", "begin", "end", "strides"},
                .outputs = {"dx"},
                .shape = strided_slice_grad_shape,
                .attrs = StridedSliceAttrs{},
                .summary = "Zeros of the given shape with dy where the strided slice was taken.",
                .host_operands = {1, 2, 3, 4}});
  registry.add({.name = "Pad",
                .inputs = {"x"},
                .outputs = {"y"},
                .shape = pad_shape,
                .attrs = PadAttrs{},
                .summary = "x with a constant around it."});
  registry.add({.name = "MirrorPad",
                .inputs = {"x"},
                .outputs = {"y"},
                .shape = mirror_pad_shape,
                .attrs = MirrorPadAttrs{},
                .summary = "x with its own elements around it, mirrored at the border element."});
  registry.add({.name = "MirrorPadGrad",
                .inputs = {"dy"},
                .outputs = {"dx"},
                .shape = mirror_pad_grad_shape,
                .attrs = MirrorPadAttrs{},
                .summary = "dy without its paddings, which are added to what they mirror."});
  registry.add({.name = "Tile",
                .inputs = {"x", "multiples"},
                .outputs = {"y"},
                .shape = tile_shape,
                .summary = "x repeated along each dimension.",
                .host_operands = {1}});
  registry.add({.name = "TileGrad",
                .inputs = {"dy", "multiples", "shape"},
                .outputs = {"dx"},
                .shape = tile_grad_shape,
                .summary = "The sum of dy's tiles, each of the given shape.",
                .host_operands = {1, 2}});
}

}  // namespace gradus
