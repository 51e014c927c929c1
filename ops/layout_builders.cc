// Builder functions of ops/layout.h.
#include "gradus/ops/layout.h"
#include "gradus/ops/shape_operand.h"

namespace gradus {
namespace {

std::vector<Output> all_outputs(Node& node) {
  std::vector<Output> outputs;
  for (int i = 0; i < node.num_outputs(); ++i) outputs.push_back(node.output(i));
  return outputs;
}

// A name for the constants that belong to a node called `name`.
std::string_view prefix(std::string_view name, std::string_view op) { return name.empty() ? op : name; }

}  // namespace

Output transpose(const Output& x, const std::vector<std::int64_t>& perm, std::string_view name,
                 SourceLocation location) {
  return add_op("Transpose", {x}, TransposeAttrs{perm}, name, location);
}

Output concat(const std::vector<Output>& values, std::int64_t axis, std::string_view name, SourceLocation location) {
  if (values.empty()) Caller{"Concat", name, location}.fail("concat needs at least one value");
  return add_op("Concat", values, ConcatAttrs{axis}, name, location);
}

std::vector<Output> split(const Output& x, std::int64_t num_splits, std::int64_t axis, std::string_view name,
                          SourceLocation location) {
  return all_outputs(add_node("Split", {x}, SplitAttrs{axis, num_splits, {}}, name, location));
}
std::vector<Output> split_sizes(const Output& x, const std::vector<std::int64_t>& sizes, std::int64_t axis,
                                std::string_view name, SourceLocation location) {
  return all_outputs(add_node("Split", {x}, SplitAttrs{axis, 0, sizes}, name, location));
}

Output stack(const std::vector<Output>& values, std::int64_t axis, std::string_view name, SourceLocation location) {
  if (values.empty()) Caller{"Stack", name, location}.fail("stack needs at least one value");
  return add_op("Stack", values, StackAttrs{axis}, name, location);
}
std::vector<Output> unstack(const Output& x, std::int64_t axis, std::int64_t num, std::string_view name,
                            SourceLocation location) {
  return all_outputs(add_node("Unstack", {x}, UnstackAttrs{axis, num}, name, location));
}

Output slice(const Output& x, const Output& begin, const Output& size, std::string_view name, SourceLocation location) {
  return add_op("Slice", {x, begin, size}, {}, name, location);
}
Output slice(const Output& x, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& size,
             std::string_view name, SourceLocation location) {
  Graph& graph = graph_of({"Slice", name, location}, "x", x);
  const std::string_view p = prefix(name, "Slice");
  return slice(x, sizes_constant(graph, begin, p, "begin", location), sizes_constant(graph, size, p, "size", location),
               name, location);
}

Output strided_slice(const Output& x, const Output& begin, const Output& end, const Output& strides,
                     const StridedSliceAttrs& attrs, std::string_view name, SourceLocation location) {
  return add_op("StridedSlice", {x, begin, end, strides}, attrs, name, location);
}
Output strided_slice(const Output& x, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& end,
                     const std::vector<std::int64_t>& strides, const StridedSliceAttrs& attrs, std::string_view name,
                     SourceLocation location) {
  const std::vector<std::int64_t> steps = strides.empty() ? std::vector<std::int64_t>(begin.size(), 1) : strides;
  Graph& graph = graph_of({"StridedSlice", name, location}, "x", x);
  const std::string_view p = prefix(name, "StridedSlice");
  const auto operand = [&](const std::vector<std::int64_t>& values, const char* part) {
    return sizes_constant(graph, values, p, part, location);
  };
  return strided_slice(x, operand(begin, "begin"), operand(end, "end"), operand(steps, "strides"), attrs, name,
                       location);
}

Output pad(const Output& x, const std::vector<std::int64_t>& paddings, PadMode mode, Number constant_value,
           std::string_view name, SourceLocation location) {
  if (mode == PadMode::kReflect) return add_op("MirrorPad", {x}, MirrorPadAttrs{paddings}, name, location);
  return add_op("Pad", {x}, PadAttrs{paddings, constant_value}, name, location);
}

Output tile(const Output& x, const Output& multiples, std::string_view name, SourceLocation location) {
  return add_op("Tile", {x, multiples}, {}, name, location);
}
Output tile(const Output& x, const std::vector<std::int64_t>& multiples, std::string_view name,
            SourceLocation location) {
  Graph& graph = graph_of({"Tile", name, location}, "x", x);
  return tile(x, sizes_constant(graph, multiples, prefix(name, "Tile"), "multiples", location), name, location);
}

std::vector<Output> concat_grad(const Output& dy, const std::vector<Output>& shapes, std::int64_t axis,
                                std::string_view name, SourceLocation location) {
  std::vector<Output> inputs{dy};
  inputs.insert(inputs.end(), shapes.begin(), shapes.end());
  return all_outputs(add_node("ConcatGrad", inputs, ConcatAttrs{axis}, name, location));
}
Output slice_grad(const Output& dy, const Output& begin, const Output& shape, std::string_view name,
                  SourceLocation location) {
  return add_op("SliceGrad", {dy, begin, shape}, {}, name, location);
}
Output strided_slice_grad(const Output& dy, const Output& shape, const Output& begin, const Output& end,
                          const Output& strides, const StridedSliceAttrs& attrs, std::string_view name,
                          SourceLocation location) {
  return add_op("StridedSliceGrad", {dy, shape, begin, end, strides}, attrs, name, location);
}
Output mirror_pad_grad(const Output& dy, const MirrorPadAttrs& attrs, std::string_view name, SourceLocation location) {
  return add_op("MirrorPadGrad", {dy}, attrs, name, location);
}
Output tile_grad(const Output& dy, const Output& multiples, const Output& shape, std::string_view name,
                 SourceLocation location) {
  return add_op("TileGrad", {dy, multiples, shape}, {}, name, location);
}

}  // namespace gradus
