#include "gradus/ops/random.h"

#include <fmt/format.h>

#include <cmath>

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

Output shape_constant(Graph& graph, const std::vector<std::int64_t>& shape, std::string_view name, const char* op,
                      SourceLocation location) {
  return sizes_constant(graph, shape, name.empty() ? op : name, "shape", location);
}

}  // namespace

Output random_uniform(const Output& shape, const RandomUniformAttrs& attrs, std::string_view name,
                      SourceLocation location) {
  return add_op("RandomUniform", {shape}, attrs, name, location);
}
Output random_uniform(Graph& graph, const std::vector<std::int64_t>& shape, const RandomUniformAttrs& attrs,
                      std::string_view name, SourceLocation location) {
  return random_uniform(shape_constant(graph, shape, name, "RandomUniform", location), attrs, name, location);
}

Output random_normal(const Output& shape, const RandomNormalAttrs& attrs, std::string_view name,
                     SourceLocation location) {
  return add_op("RandomNormal", {shape}, attrs, name, location);
}
Output random_normal(Graph& graph, const std::vector<std::int64_t>& shape, const RandomNormalAttrs& attrs,
                     std::string_view name, SourceLocation location) {
  return random_normal(shape_constant(graph, shape, name, "RandomNormal", location), attrs, name, location);
}

Output truncated_normal(const Output& shape, const RandomNormalAttrs& attrs, std::string_view name,
                        SourceLocation location) {
  return add_op("TruncatedNormal", {shape}, attrs, name, location);
}
Output truncated_normal(Graph& graph, const std::vector<std::int64_t>& shape, const RandomNormalAttrs& attrs,
                        std::string_view name, SourceLocation location) {
  return truncated_normal(shape_constant(graph, shape, name, "TruncatedNormal", location), attrs, name, location);
}

Output dropout(const Output& x, const DropoutAttrs& attrs, std::string_view name, SourceLocation location) {
  return add_node("Dropout", {x}, attrs, name, location).output(0);
}

void register_random_ops(OpRegistry& registry) {
  registry.add({.name = "RandomUniform",
                .inputs = {"shape"},
                .outputs = {"output"},
                .shape = uniform_shape,
                .attrs = RandomUniformAttrs{},
                .summary = "Independent uniform values in [low, high).",
                .effect = Effect::kRandom,
                .kernel_dtype = kDTypeOfOutput,
                .host_operands = {0}});
  registry.add({.name = "RandomNormal",
                .inputs = {"shape"},
                .outputs = {"output"},
                .shape = normal_shape,
                .attrs = RandomNormalAttrs{},
                .summary = "Independent normal values.",
                .effect = Effect::kRandom,
                .kernel_dtype = kDTypeOfOutput,
                .host_operands = {0}});
  registry.add({.name = "TruncatedNormal",
                .inputs = {"shape"},
                .outputs = {"output"},
                .shape = normal_shape,
                .attrs = RandomNormalAttrs{},
                .summary = "Independent normal values, redrawn where they are 2 or more standard deviations off.",
                .effect = Effect::kRandom,
                .kernel_dtype = kDTypeOfOutput,
                .host_operands = {0}});
  registry.add({.name = "Dropout",
                .inputs = {"x"},
                .outputs = {"y", "mask"},
                .shape = dropout_shape,
                .attrs = DropoutAttrs{},
                .summary = "y = x * mask; mask is 0 with probability rate, else 1 / (1 - rate)",
                .effect = Effect::kRandom,
                .inplace_inputs = {0}});
}

}  // namespace gradus
