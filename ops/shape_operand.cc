#include "gradus/ops/shape_operand.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/ops/shape_ops.h"
#include "gradus/ops/source_ops.h"

namespace gradus {

IntValues vector_operand(ShapeContext& c, int i, const char* name) {
  const DType dtype = c.input_dtype(i);
  const Shape& shape = c.input_shape(i);
  if (!is_index(dtype) || shape.rank() != 1) {
    c.fail(fmt::format("{} must be an int32 or int64 vector; got {} {}", name, dtype_name(dtype), shape.to_string()));
  }
  if (shape[0] == kUnknownDim) c.fail(fmt::format("{} must have a known length; got {}", name, shape.to_string()));
  if (auto values = c.input_value(i)) return *values;
  if (shape[0] > kMaxTrackedValues)
    c.fail(fmt::format("{} has {} elements; at most {} are possible", name, shape[0], kMaxTrackedValues));
  return IntValues(static_cast<std::size_t>(shape[0]), kUnknownValue);
}

Shape shape_operand(ShapeContext& c, int i, const char* name) {
  const IntValues values = vector_operand(c, i, name);
  if (values.size() > Shape::kMaxRank) {
    c.fail(fmt::format("{} has {} elements; a tensor has at most {} dimensions", name, values.size(), Shape::kMaxRank));
  }
  Shape result;
  for (const std::int64_t v : values) {
    if (v < 0 && v != kUnknownValue)
      c.fail(fmt::format("sizes must be at least 0; got {} [{}]", name, fmt::join(values, ",")));
    result.push_back(v == kUnknownValue ? kUnknownDim : v);
  }
  return result;
}

IntValues shape_values(const Shape& shape) {
  IntValues values;
  for (const std::int64_t d : shape) values.push_back(d == kUnknownDim ? kUnknownValue : d);
  return values;
}

Output sizes_constant(const Caller& caller, Graph& graph, const std::vector<std::int64_t>& values, const char* part,
                      DType dtype) {
  const bool fit = std::all_of(values.begin(), values.end(), [](auto v) { return v >= INT32_MIN && v <= INT32_MAX; });
  if (dtype == DType::kInt32 && !fit)
    caller.fail(fmt::format("{} must fit in int32; got [{}]", part, fmt::join(values, ",")));
  return constant(graph, Tensor::from(values).cast(dtype),
                  {fmt::format("{}/{}", caller.name(), part), caller.at.location});
}

Output shape_of(const Output& x) { return x.shape().fully_known() ? constant(x.graph(), x.shape().dims()) : shape(x); }

}  // namespace gradus
