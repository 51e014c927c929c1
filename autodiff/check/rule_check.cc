#include "gradus/autodiff/check/rule_check.h"

#include "gradus/autodiff/check/float64_twin.h"
#include "gradus/autodiff/check/jacobian_check.h"
#include "gradus/autodiff/gradients.h"
#include "gradus/graph/scopes.h"
#include "gradus/ops/custom_gradient.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

// Enough to see a wrong rule; the graph's own check has found that there is one.
constexpr int kMaxRuns = 500;

// The copy of a node, ready to run.
struct Lonely {
  std::unique_ptr<Graph> graph;
  std::unique_ptr<Float64Twin> twin;  // of a CustomGradient
  Output output;
  Feeds feeds;
  std::vector<std::pair<int, std::size_t>> operands;  // floating operands and where their values are among the feeds
};

// Other operands than floating ones are constants, so that shapes which depend on them are known.
Lonely copy_of(const Output& output, const std::vector<Tensor>& values, const std::string& device) {
  const Node& node = output.node();
  Lonely copy;
  copy.graph = std::make_unique<Graph>(node.graph().ops());
  std::vector<Output> inputs;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string name = "operand_" + std::to_string(i);
    if (!is_floating(values[i].dtype())) {
      inputs.push_back(constant(*copy.graph, values[i], name));
      continue;
    }
    inputs.push_back(placeholder(*copy.graph, DType::kFloat64, values[i].shape(), name));
    copy.operands.emplace_back(static_cast<int>(i), copy.feeds.size());
    copy.feeds.emplace_back(inputs.back(), values[i]);
  }
  const DeviceScope on(*copy.graph, device.empty() ? node.device() : device);
  // The name decides what a random op draws.
  const At at{node.name(), {node.file().c_str(), node.line()}};
  copy.output = copy.graph->add_node(node.op(), std::move(inputs), node.attrs(), at).output(output.index());
  return copy;
}

// What custom_gradient()'s forward function built comes along, down to its inputs.
Lonely custom_copy_of(const Output& output, const std::vector<Tensor>& values, const Feeds& feeds,
                      const std::string& device) {
  const Node& node = output.node();
  Lonely copy;
  std::vector<Output> cuts;
  std::vector<Tensor> cut_values;
  const auto cut = [&](const Output& at, const Tensor& value) {
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      if (cuts[i] == at) return i;
    }
    cuts.push_back(at);
    cut_values.push_back(value);
    return cuts.size() - 1;
  };
  for (int i = first_gradient_operand(node); i < static_cast<int>(values.size()); ++i) {
    const std::size_t position = cut(node.inputs()[static_cast<std::size_t>(i)], values[static_cast<std::size_t>(i)]);
    if (is_floating(values[static_cast<std::size_t>(i)].dtype())) copy.operands.emplace_back(i, position);
  }
  for (const auto& [fed, value] : feeds) cut(fed, value);
  copy.twin = std::make_unique<Float64Twin>(std::vector<Output>{output}, cuts, device);
  for (std::size_t i = 0; i < cuts.size(); ++i) copy.feeds.emplace_back(copy.twin->of(cuts[i]), cut_values[i]);
  copy.output = copy.twin->of(output);
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
  session.set_run_number(1);
  const Shape shape = session.run(copy.feeds, {copy.output}).at(0).shape();
  const Output grad_y = placeholder(graph, DType::kFloat64, shape, "check/grad_y");
  std::vector<Output> xs;
  for (const auto& [operand, feed] : copy.operands) xs.push_back(copy.feeds[feed].first);
  const std::vector<Output> grads = gradients(copy.output, xs, grad_y);

  JacobianJob job{copy.output, grad_y, {}, {}};
  for (const auto& [fed, value] : copy.feeds) job.feeds.emplace_back(fed, value.clone());
  for (std::size_t i = 0; i < xs.size(); ++i) {
    job.inputs.push_back({xs[i], grads[i], copy.operands[i].second, {}});
  }
  CheckOptions once = options;
  once.max_runs = std::min(options.max_runs, kMaxRuns);
  compare_jacobians(session, job, once);
  std::vector<RuleCheck> result;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    result.push_back({copy.operands[i].first, grads[i].valid(), std::move(job.inputs[i].check)});
  }
  return result;
}

}  // namespace gradus
