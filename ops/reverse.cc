#include "gradus/ops/reverse.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void reverse_shape(ShapeContext& c) {
  const Shape& x = c.input_shape(0);
  const auto& axes = c.attrs<ReverseAttrs>().axes;
  std::vector<bool> seen(static_cast<std::size_t>(x.rank()), false);
  for (const std::int64_t axis : axes) {
    const auto a = static_cast<std::size_t>(normalize_axis(axis, x.rank()));
    if (seen[a]) {
      c.fail(
          fmt::format("axis {} is named twice; got axes [{}] for shape {}", axis, fmt::join(axes, ","), x.to_string()));
    }
    seen[a] = true;
  }
  c.set_output(0, c.input_dtype(0), x);
}

// Followed for vectors, such as shapes.
std::optional<IntValues> reverse_value(ShapeContext& c) {
  auto values = c.input_symbols(0);
  if (!values || c.input_shape(0).rank() > 1) return std::nullopt;
  if (!c.attrs<ReverseAttrs>().axes.empty()) std::reverse(values->begin(), values->end());
  return values;
}

}  // namespace

Output reverse(const Output& x, const std::vector<std::int64_t>& axes, At at) {
  return add_op("Reverse", {x}, ReverseAttrs{axes}, at);
}

void register_reverse_ops(OpRegistry& registry) {
  registry.add(def("Reverse", {"x"}, {"y"}, reverse_shape, "x with the given dimensions running backwards.")
                   .attrs(ReverseAttrs{})
                   .value(reverse_value));
}

}  // namespace gradus
