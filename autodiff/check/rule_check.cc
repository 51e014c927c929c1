#include "gradus/autodiff/check/rule_check.h"

#include "gradus/autodiff/check/float64_twin.h"
#include "gradus/autodiff/check/jacobian_check.h"
#include "gradus/autodiff/gradients.h"
#include "gradus/ops/custom_gradient.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

// Enough to see a wrong rule; the graph's own check has found that there is one.
constexpr int kMaxRuns = 500;

// The copy of a node, ready to run.
struct Lonely {
  Float64Twin twin;
  Output output;
  Feeds feeds;
  std::vector<std::pair<int, Output>> operands;  // the floating ones, with what is fed in their place
};

// Other operands than floating ones are constants, so that shapes which depend on them are known.
Lonely copy_of(const Output& output, const std::vector<Tensor>& values, const std::string& device) {
  const Node& node = output.node();
  Lonely copy{Float64Twin(node.graph().ops()), {}, {}, {}};
  std::vector<Output> inputs;
  for (const Tensor& value : values) {
    const int operand = static_cast<int>(inputs.size());
    const std::string name = fmt::format("operand_{}", operand);
    if (!is_floating(value.dtype())) {
      inputs.push_back(constant(copy.twin.graph(), value, name));
      continue;
    }
    inputs.push_back(placeholder(copy.twin.graph(), DType::kFloat64, value.shape(), name));
    copy.operands.emplace_back(operand, inputs.back());
    copy.feeds.emplace_back(inputs.back(), value);
  }
  copy.output = copy.twin.copy(node, std::move(inputs), device).output(output.index());
  return copy;
}

// What custom_gradient()'s forward function built comes along, down to its inputs.
Lonely custom_copy_of(const Output& output, const std::vector<Tensor>& values, const Feeds& feeds,
                      const std::string& device) {
  const Node& node = output.node();
  const int first = first_gradient_operand(node), count = static_cast<int>(values.size());
  Feeds cuts = feeds;
  for (int i = first; i < count; ++i) {
    if (!fed_outputs(cuts).contains(node.input(i)))
      cuts.emplace_back(node.input(i), values[static_cast<std::size_t>(i)]);
  }
  Lonely copy{Float64Twin({output}, fed_outputs(cuts), device), {}, {}, {}};
  copy.output = copy.twin.of(output);
  for (const auto& [cut, value] : cuts) copy.feeds.emplace_back(copy.twin.of(cut), value);
  for (int i = first; i < count; ++i) {
    if (is_floating(node.input(i).dtype())) copy.operands.emplace_back(i, copy.twin.of(node.input(i)));
  }
  return copy;
}

}  // namespace

int first_gradient_operand(const Node& node) {
  return node.op() == "CustomGradient" ? static_cast<int>(node.attrs_as<CustomGradientAttrs>().num_outputs) : 0;
}

std::vector<RuleCheck> check_rule(const Output& output, const std::vector<Tensor>& values, const Feeds& feeds,
                                  const CheckOptions& options) {
  Lonely copy = first_gradient_operand(output.node()) > 0 ? custom_copy_of(output, values, feeds, options.device)
                                                          : copy_of(output, values, options.device);
  if (copy.operands.empty()) return {};
  Graph& graph = copy.output.graph();
  Session session(graph, {.device = options.device, .seed = options.seed, .num_threads = options.num_threads});
  const Shape shape = run_again(session, copy.feeds, {copy.output})[0].shape();
  const Output grad_y = placeholder(graph, DType::kFloat64, shape, "check/grad_y");
  std::vector<Output> xs;
  for (const auto& [operand, x] : copy.operands) xs.push_back(x);
  const std::vector<Output> grads = gradients(copy.output, xs, grad_y);

  std::vector<Jacobian> jacobians;
  for (std::size_t i = 0; i < xs.size(); ++i) jacobians.push_back({xs[i], grads[i], {}});
  CheckOptions once = options;
  once.max_runs = std::min(options.max_runs, kMaxRuns);
  compare_jacobians(session, copy.output, grad_y, copy.feeds, jacobians, once);
  std::vector<RuleCheck> result;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    result.push_back({copy.operands[i].first, grads[i].valid(), std::move(jacobians[i].check)});
  }
  return result;
}

}  // namespace gradus
