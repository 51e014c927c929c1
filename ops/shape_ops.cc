#include "gradus/ops/shape_ops.h"

#include <fmt/format.h>

#include <limits>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"
#include "gradus/ops/shape_operand.h"

namespace gradus {
namespace {

constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();

void shape_shape(ShapeContext& c) {
  for (const std::int64_t d : c.input_shape(0)) {
    if (d > kInt32Max) c.fail("a dimension does not fit int32; got " + c.input_shape(0).to_string());
  }
  c.set_output(0, DType::kInt32, Shape{c.input_shape(0).rank()});
}
std::optional<IntValues> shape_value(ShapeContext& c) {
  IntValues values = c.input_shape(0).dims();
  for (std::size_t d = 0; d < values.size(); ++d) {
    if (values[d] == kUnknownDim) values[d] = c.dimension_symbol(0, static_cast<int>(d));
  }
  return values;
}

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

}  // namespace

Output shape(const Output& x, At at) { return add_op("Shape", {x}, {}, at); }
Output size(const Output& x, At at) { return add_op("Size", {x}, {}, at); }
Output rank(const Output& x, At at) { return add_op("Rank", {x}, {}, at); }

void register_shape_ops(OpRegistry& registry) {
  registry.add(def("Shape", {"x"}, {"shape"}, shape_shape, "The shape of x as an int32 vector.").value(shape_value));
  registry.add(
      def("Size", {"x"}, {"size"}, size_shape, "The number of elements of x as an int32 scalar.").value(size_value));
  registry.add(
      def("Rank", {"x"}, {"rank"}, rank_shape, "The number of dimensions of x as an int32 scalar.").value(rank_value));
}

}  // namespace gradus
