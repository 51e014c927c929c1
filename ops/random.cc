#include "gradus/ops/random.h"

#include <fmt/format.h>

#include <cmath>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"
#include "gradus/ops/shape_operand.h"

namespace gradus {
namespace {

void set_random_output(ShapeContext& c, DType dtype) {
  if (!is_floating(dtype)) c.fail(fmt::format("dtype must be floating; got {}", dtype_name(dtype)));
  c.set_output(0, dtype, shape_operand(c, 0, "shape"));
}

void uniform_shape(ShapeContext& c) {
  const auto& attrs = c.attrs<RandomUniformAttrs>();
  if (!(attrs.low < attrs.high) || !std::isfinite(attrs.high - attrs.low)) {
    c.fail(fmt::format("low must be below high, a finite distance away; got {} and {}", attrs.low, attrs.high));
  }
  set_random_output(c, attrs.dtype);
}

void normal_shape(ShapeContext& c) {
  const auto& attrs = c.attrs<RandomNormalAttrs>();
  if (!std::isfinite(attrs.mean) || !(attrs.stddev >= 0) || !std::isfinite(attrs.stddev)) {
    c.fail(fmt::format("mean and stddev must be finite, stddev at least 0; got {} and {}", attrs.mean, attrs.stddev));
  }
  set_random_output(c, attrs.dtype);
}

void dropout_shape(ShapeContext& c) {
  c.require_floating(0, "x");
  const double rate = c.attrs<DropoutAttrs>().rate;
  if (!(rate >= 0 && rate < 1)) c.fail(fmt::format("rate must be in [0, 1); got {}", rate));
  c.set_output(0, c.input_dtype(0), c.input_shape(0));
  c.set_output(1, c.input_dtype(0), c.input_shape(0));
}

}  // namespace

Output random_uniform(const Output& shape, const RandomUniformAttrs& attrs, At at) {
  return add_op("RandomUniform", {shape}, attrs, at);
}
Output random_uniform(Graph& graph, const std::vector<std::int64_t>& shape, const RandomUniformAttrs& attrs, At at) {
  return random_uniform(sizes_constant({"RandomUniform", at}, graph, shape, "shape"), attrs, at);
}

Output random_normal(const Output& shape, const RandomNormalAttrs& attrs, At at) {
  return add_op("RandomNormal", {shape}, attrs, at);
}
Output random_normal(Graph& graph, const std::vector<std::int64_t>& shape, const RandomNormalAttrs& attrs, At at) {
  return random_normal(sizes_constant({"RandomNormal", at}, graph, shape, "shape"), attrs, at);
}

Output truncated_normal(const Output& shape, const RandomNormalAttrs& attrs, At at) {
  return add_op("TruncatedNormal", {shape}, attrs, at);
}
Output truncated_normal(Graph& graph, const std::vector<std::int64_t>& shape, const RandomNormalAttrs& attrs, At at) {
  return truncated_normal(sizes_constant({"TruncatedNormal", at}, graph, shape, "shape"), attrs, at);
}

Output dropout(const Output& x, const DropoutAttrs& attrs, At at) {
  return add_node("Dropout", {x}, attrs, at).output(0);
}
Output dropout(const Output& x, double rate, At at) { return dropout(x, DropoutAttrs{.rate = rate}, at); }

void register_random_ops(OpRegistry& registry) {
  const auto add = [&](const char* name, ShapeFn shape, const Attrs& attrs, const char* summary) {
    registry.add(def(name, {"shape"}, {"output"}, shape, summary)
                     .effect(Effect::kRandom)
                     .attrs(attrs)
                     .kernel_dtype(kDTypeOfOutput)
                     .host({0}));
  };
  add("RandomUniform", uniform_shape, RandomUniformAttrs{}, "Independent uniform values in [low, high).");
  add("RandomNormal", normal_shape, RandomNormalAttrs{}, "Independent normal values.");
  add("TruncatedNormal", normal_shape, RandomNormalAttrs{},
      "Independent normal values, redrawn where they are 2 or more standard deviations off.");
  registry.add(def("Dropout", {"x"}, {"y", "mask"}, dropout_shape,
                   "y = x * mask; mask is 0 with probability rate, else 1 / (1 - rate)")
                   .effect(Effect::kRandom)
                   .attrs(DropoutAttrs{})
                   .inplace({0}));
}

}  // namespace gradus
