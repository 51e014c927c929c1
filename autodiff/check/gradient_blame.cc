#include "gradus/autodiff/check/gradient_blame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "gradus/autodiff/check/float64_twin.h"
#include "gradus/autodiff/check/jacobian_check.h"
#include "gradus/autodiff/gradients.h"
#include "gradus/ops/custom_gradient.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

// Enough to see a wrong rule; the graph's own check has found that there is one.
constexpr int kMaxRuns = 500;

// The first operand that takes part in gradients: those of CustomGradient before it are what its forward function returned.
int first_gradient_operand(const Node& node) {
  return node.op() == "CustomGradient" ? static_cast<int>(node.attrs_as<CustomGradientAttrs>().num_outputs) : 0;
}

bool stops_gradients(const Node& node) { return gradient_registry().none_reason(node.op()) != nullptr; }

// The nodes between x and y, and what the gradient of y passes through on its way to x.
class Path {
 public:
  Path(const Output& y, const Output& x, const Feeds& feeds)
      : x_(x), fed_(fed_outputs(feeds)), needed_(nodes_needed({y}, fed_)) {
    for (const Node* node : needed_) {
      const auto& inputs = node->inputs();
      if (std::any_of(inputs.begin(), inputs.end(), [&](const Output& input) { return depends(input); }))
        reached_.insert(node);
    }
    if (reached_.contains(&y.node())) passed_[y.node().id()].insert(y.index());
    for (const auto& [id, results] : passed_) walk_up(y.graph().node(id));  // adds smaller ids, whose turn comes later
  }

  // All that y needs, in run order.
  const std::vector<Node*>& needed() const { return needed_; }
  // The nodes, by id, that a gradient reaches on its way from y to x, in its order; and the outputs by which it does.
  const std::map<int, std::set<int>, std::greater<>>& passed() const { return passed_; }
  // True when the operand leads to x.
  bool depends(const Output& output) const { return output == x_ || is_between(output); }

 private:
  bool is_between(const Output& output) const {
    return is_floating(output.dtype()) && !fed_.contains(output) && reached_.contains(&output.node());
  }

  void walk_up(const Node& node) {
    if (stops_gradients(node)) return;
    for (int i = first_gradient_operand(node); i < static_cast<int>(node.inputs().size()); ++i) {
      const Output input = node.input(i);
      if (is_between(input)) passed_[input.node().id()].insert(input.index());
    }
  }

  const Output x_;
  const std::unordered_set<Output> fed_;
  const std::vector<Node*> needed_;
  std::unordered_set<const Node*> reached_;  // x has influence on it through real numbers
  std::map<int, std::set<int>, std::greater<>> passed_;
};

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

// The gradient of a node's result with respect to one of its floating operands, compared with finite differences.
struct RuleCheck {
  int operand;
  bool has_gradient;  // false: the op has none, or its rule set none
  GradientCheck check;
};

// One for every floating operand that `output` can be differentiated by, of its node on its own, with operands as placeholders.
// `values` are those of the operands, in their order, with every floating one in float64; `feeds` those of the whole graph, for what
// a custom_gradient() uses beside its inputs. Throws as gradients() and Session::run do.
std::vector<RuleCheck> check_rule(const Output& output, const std::vector<Tensor>& values, const Feeds& feeds,
                                  const CheckOptions& options) {
  Lonely copy = first_gradient_operand(output.node()) > 0 ? custom_copy_of(output, values, feeds, options.device)
                                                          : copy_of(output, values, options.device);
  if (copy.operands.empty()) return {};
  Graph& graph = copy.output.graph();
  Session session(graph, {.device = options.device,
                          .seed = options.seed,
                          .num_threads = options.num_threads,
                          .conv_algorithm = ConvAlgorithm::kDirect});
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

GradientBlame blame_for(const Node& node, const std::string& reason) {
  GradientBlame blame;
  blame.op = node.op();
  blame.node = node.name();
  blame.file = node.file();
  blame.line = node.line();
  if (node.forward_node() != nullptr) {
    blame.made_by = fmt::format("the rule of {} for '{}'", node.gradient_rule(), node.forward_node()->name());
  }
  blame.reason = reason;
  return blame;
}

std::string operand_name(const Node& node, int operand) {
  if (const int first = first_gradient_operand(node); first > 0) return fmt::format("inputs[{}]", operand - first);
  const std::vector<std::string>& names = node.def().inputs;
  const auto position = static_cast<std::size_t>(operand);
  const auto last = names.size() - 1;
  if (!node.def().variadic_inputs() || position < last) return names[position];
  return fmt::format("{}[{}]", names[last].substr(0, names[last].size() - 3), position - last);
}

// What a failed check says of the node's rule.
std::string reason_for(const Node& node, const std::string& operand, const RuleCheck& found) {
  const GradientCheck& check = found.check;
  const std::string rule = node.op() == "CustomGradient" ? "its backward function" : "the rule of " + node.op();
  if (const std::string* none = gradient_registry().none_reason(node.op())) {
    return fmt::format("{} stops the gradient (\"{}\"), but its result changes with '{}'", node.op(), *none, operand);
  }
  if (!found.has_gradient) {
    return fmt::format("{} gives no gradient for '{}', but the result changes with it", rule, operand);
  }
  if (!std::isfinite(check.analytic)) {
    return fmt::format("{} gives {} for '{}' at the values that it has here", rule, check.analytic, operand);
  }
  constexpr std::string_view kDiffers = "the gradient differs from the finite difference";
  std::string why = check.reason;
  if (why.starts_with(kDiffers)) why.erase(0, kDiffers.size());
  if (!why.empty() && why[0] != ';' && why[0] != ' ') why = why[0] == ':' ? ";" + why.substr(1) : "; " + why;
  return fmt::format("{} is wrong for '{}': gradient {:.6g}, finite difference {:.6g}{}", rule, operand, check.analytic,
                     check.numeric, why);
}

GradientBlame blame_for(const Node& node, const RuleCheck& found) {
  const std::string operand = operand_name(node, found.operand);
  GradientBlame blame = blame_for(node, reason_for(node, operand, found));
  blame.operand = operand;
  blame.gradient = found.check.analytic;
  blame.finite_difference = found.check.numeric;
  return blame;
}

bool any(const Tensor& tensor, bool (*bad)(double)) {
  if (!is_floating(tensor.dtype())) return false;
  const auto values = tensor.flat<double>();
  return std::any_of(values.begin(), values.end(), bad);
}
bool is_nan(double v) { return std::isnan(v); }
bool is_infinite(double v) { return std::isinf(v); }

}  // namespace

// The value of everything that y needs.
class BlameFinder::Values {
 public:
  Values(Session& session, const Path& path, const Feeds& feeds) : values_(feeds.begin(), feeds.end()) {
    for (Node* node : path.needed()) {
      for (int i = 0; i < node->num_outputs(); ++i) {
        if (!values_.contains(node->output(i))) computed_.push_back(node->output(i));
      }
    }
    const std::vector<Tensor> first = run_again(session, feeds, computed_);
    const std::vector<Tensor> second = run_again(session, feeds, computed_);
    for (std::size_t i = 0; i < computed_.size(); ++i) {
      values_.emplace(computed_[i], first[i]);
      if (!bit_equal(first[i], second[i])) changing_.push_back(&computed_[i].node());
    }
  }

  const Tensor& operator[](const Output& output) const { return values_.at(output); }

  // The first result that meets `bad` though no operand of its node does.
  const Node* first_with(bool (*bad)(double)) const {
    for (const Output& output : computed_) {
      const auto& inputs = output.node().inputs();
      if (!inputs.empty() && any((*this)[output], bad) &&
          std::none_of(inputs.begin(), inputs.end(), [&](const Output& input) { return any((*this)[input], bad); }))
        return &output.node();
    }
    return nullptr;
  }
  // The first whose result differs between two runs. Where one is an assignment, it is what changes the others.
  const Node* first_that_changes() const {
    const Node* result = nullptr;
    for (const Node* node : changing_) {
      if (node->def().kind == OpKind::kVariable) continue;
      if (node->def().effect == Effect::kMutates) return node;
      if (result == nullptr) result = node;
    }
    return result;
  }

 private:
  std::unordered_map<Output, Tensor> values_;
  std::vector<Output> computed_;
  std::vector<const Node*> changing_;
};

std::vector<GradientBlame> BlameFinder::find(const Output& y, const Output& x, const Feeds& feeds) {
  const Path path(y, x, feeds);
  const Values values(session_, path, feeds);
  if (const Node* node = values.first_that_changes())
    return {blame_for(*node, "its result differs between two runs with the same inputs")};
  if (any(values[y], is_nan) || any(values[y], is_infinite)) {
    if (const Node* node = values.first_with(is_nan))
      return {blame_for(*node, "its result has a NaN, its operands have none")};
    if (const Node* node = values.first_with(is_infinite))
      return {blame_for(*node, "its result has an infinity, its operands have none")};
  }

  std::vector<GradientBlame> result;
  for (const auto& [id, results] : path.passed()) {
    Node& node = y.graph().node(id);
    for (const auto& [operand, blame] : findings_of(node, values, feeds, results)) {
      if (path.depends(node.input(operand))) result.push_back(blame);
    }
  }
  return result;
}

const BlameFinder::Findings& BlameFinder::findings_of(Node& node, const Values& values, const Feeds& feeds,
                                                      const std::set<int>& results) {
  const auto [entry, is_new] = known_.try_emplace({&node, results});
  Findings& findings = entry->second;
  if (!is_new) return findings;
  std::vector<Tensor> operands;
  for (const Output& input : node.inputs()) operands.push_back(values[input]);
  for (const int result : results) {
    if (!is_floating(node.output(result).dtype())) continue;
    try {
      for (const RuleCheck& check : check_rule(node.output(result), operands, feeds, options_)) {
        if (check.check.verdict == Verdict::kFail) findings.try_emplace(check.operand, blame_for(node, check));
      }
    } catch (const Error&) {
      // A node that cannot stand alone (it assigns to a variable, or its rule throws) is not judged here.
    }
  }
  return findings;
}

}  // namespace gradus
