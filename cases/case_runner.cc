#include "cases/case_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gradus/autodiff/gradient_registry.h"
#include "gradus/core/philox.h"
#include "gradus/ops/accumulation.h"
#include "gradus/ops/source_ops.h"

namespace gradus::cases {
namespace {

constexpr std::uint64_t kSeed = 20;

double away_from_kinks(double value, const Operand& operand) {
  for (const double kink : operand.kinks) {
    if (std::abs(value - kink) < kKinkMargin) value = kink + (value < kink ? -kKinkMargin : kKinkMargin);
  }
  return value;
}

// Evenly spaced values around 0 in random order (Fisher and Yates), 3 margins apart.
void fill_distinct(Tensor& tensor, const PhiloxStream& stream) {
  const std::int64_t count = tensor.num_elements();
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::int64_t i = count - 1; i > 0; --i) {
    const auto j = static_cast<std::size_t>(stream.uniform(static_cast<std::uint64_t>(i)) * static_cast<double>(i + 1));
    std::swap(order[static_cast<std::size_t>(i)], order[j]);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const double rank = static_cast<double>(order[static_cast<std::size_t>(i)]) - static_cast<double>(count - 1) / 2;
    tensor.set(i, 3 * kKinkMargin * rank);
  }
}

double tolerance_of(const OpCase& c, DType dtype) {
  switch (dtype) {
    case DType::kFloat64: return c.tolerance_float64 > 0 ? c.tolerance_float64 : 1e-12;
    case DType::kFloat32: return c.tolerance_float32 > 0 ? c.tolerance_float32 : 1e-5;
    default: {
      const double of_float16 = c.tolerance_float16 > 0 ? c.tolerance_float16 : 2e-3;
      return of_float16 * (machine_epsilon(dtype) / machine_epsilon(DType::kFloat16));
    }
  }
}

int overwritten_operands(const OpDef& def) { return def.effect == Effect::kMutates ? def.mutable_inputs : 0; }

}  // namespace

Tensor operand_value(const Operand& operand, std::uint64_t seed) {
  if (operand.kind == Operand::Kind::kFixed) return operand.value;
  Tensor value(DType::kFloat64, operand.shape);
  const PhiloxStream stream(seed, 1);
  if (operand.kind == Operand::Kind::kDistinct) {
    fill_distinct(value, stream);
    return value;
  }
  double* const elements = value.data<double>();
  for (std::int64_t i = 0, count = value.num_elements(); i < count; ++i) {
    const double u = stream.uniform(static_cast<std::uint64_t>(i));
    elements[i] = away_from_kinks(operand.low + (operand.high - operand.low) * u, operand);
  }
  return value;
}

std::vector<Tensor> drawn_operands(const OpCase& op_case, std::uint64_t seed) {
  std::vector<Tensor> drawn;
  for (const Operand& operand : op_case.operands) drawn.push_back(operand_value(operand, mix64(seed + drawn.size())));
  return drawn;
}

std::vector<Tensor> operands_in(const OpCase& op_case, const std::vector<Tensor>& drawn, DType dtype) {
  std::vector<Tensor> values;
  for (const Operand& operand : op_case.operands) {
    const Tensor& value = drawn[values.size()];
    const DType own = operand.accumulated ? accumulation_dtype(dtype) : dtype;
    values.push_back(operand.kind == Operand::Kind::kFixed ? value.clone() : value.cast(own));
  }
  return values;
}

std::vector<Tensor> in_float64(const OpCase& op_case, const std::vector<Tensor>& values) {
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool fixed = op_case.operands[i].kind == Operand::Kind::kFixed;
    result.push_back(fixed ? values[i] : values[i].cast(DType::kFloat64));
  }
  return result;
}

std::vector<Tensor> operand_values(const OpCase& op_case, DType dtype, std::uint64_t seed) {
  return operands_in(op_case, drawn_operands(op_case, seed), dtype);
}

CaseGraph::CaseGraph(const OpCase& op_case, const std::vector<Tensor>& values, const BuildOptions& options) {
  const OpDef& def = graph.ops().get(op_case.op);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Tensor& value = values[i];
    const std::string name = fmt::format("operand{}", i);
    const bool is_real = op_case.operands[i].kind != Operand::Kind::kFixed;
    if (static_cast<int>(i) < overwritten_operands(def)) {
      operands.push_back(variable(graph, value, name));
    } else if (is_real || options.unknown_shapes) {
      // Vectors keep their length: shapes and paddings are vectors, whose length is the rank of something.
      const bool hide = options.unknown_shapes && (is_real || value.shape().rank() != 1);
      operands.push_back(
          placeholder(graph, value.dtype(), hide ? Shape::of_rank(value.shape().rank()) : value.shape(), name));
      feeds.emplace_back(operands.back(), value);
    } else {
      operands.push_back(constant(graph, value, name));
    }
    if (is_real && static_cast<int>(i) >= overwritten_operands(def)) reals.push_back(operands.back());
  }
  // A case that names no attributes means the op's defaults.
  const Attrs attrs = op_case.attrs.holds<NoAttrs>() ? def.attrs : op_case.attrs;
  Node& node = graph.add_node(op_case.op, operands, attrs, op_case.name);
  for (int i = 0; i < node.num_outputs(); ++i) outputs.push_back(node.output(i));
}

std::vector<Tensor> run_case(const OpCase& op_case, const std::vector<Tensor>& values, const SessionOptions& session,
                             const BuildOptions& options) {
  const CaseGraph built(op_case, values, options);
  return Session(built.graph, session).run(built.feeds, built.outputs);
}

std::string compare_with_reference(const OpCase& op_case, DType dtype, const std::vector<Tensor>& results,
                                   const std::vector<Tensor>& reference) {
  if (results.size() != reference.size()) return "different numbers of outputs";
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Tensor& result = results[i];
    const Tensor& expected = reference[i];
    if (!(result.shape() == expected.shape())) {
      return fmt::format("output {} has shape {}; the reference has {}", i, result.shape().to_string(),
                         expected.shape().to_string());
    }
    double largest = 1e-3;
    for (std::int64_t k = 0; k < expected.num_elements(); ++k) {
      if (std::isfinite(expected.at(k))) largest = std::max(largest, std::abs(expected.at(k)));
    }
    const double allowed = is_floating(result.dtype()) ? tolerance_of(op_case, dtype) * largest : 0;
    std::int64_t worst = -1;
    double worst_difference = 0;
    for (std::int64_t k = 0; k < expected.num_elements(); ++k) {
      const double a = result.at(k), b = expected.at(k);
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;  // equal infinities included
      const double difference = std::abs(a - b);
      if (difference <= allowed) continue;
      if (worst < 0 || !(difference <= worst_difference)) {
        worst = k;
        worst_difference = difference;
      }
    }
    if (worst >= 0) {
      return fmt::format(
          "output {} differs most at flat index {}: {} {:.9g}, reference {:.9g}, allowed difference {:.2e}", i, worst,
          dtype_name(result.dtype()), result.at(worst), expected.at(worst), allowed);
    }
  }
  return "";
}

int order_of(const OpCase& op_case, int wanted) {
  if (gradient_registry().none_reason(op_case.op) != nullptr) return 0;
  const bool any_real = std::any_of(op_case.operands.begin(), op_case.operands.end(),
                                    [](const Operand& o) { return o.kind != Operand::Kind::kFixed; });
  return any_real ? std::min(wanted, op_case.max_order) : 0;
}

GradientReport check_case(const OpCase& op_case, int order, const std::string& device) {
  const CaseGraph built(op_case, operand_values(op_case, DType::kFloat64, kSeed));
  GradientReport report;
  for (const Output& output : built.outputs) {
    if (!is_floating(output.dtype())) continue;
    const GradientReport one =
        check_gradients(output, built.reals, {.order = order, .seed = kSeed, .feeds = built.feeds, .device = device});
    report.checks.insert(report.checks.end(), one.checks.begin(), one.checks.end());
  }
  return report;
}

}  // namespace gradus::cases
