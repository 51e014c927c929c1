#include "gradus/autodiff/check/gradient_blame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "gradus/autodiff/check/rule_check.h"
#include "gradus/autodiff/gradient_registry.h"
#include "gradus/graph/graph_roles.h"

namespace gradus {
namespace {

// Random ops draw the same numbers in every run.
constexpr std::uint64_t kBlameRunNumber = 1;

std::size_t index(const Node& node) { return static_cast<std::size_t>(node.id()); }

bool stops_gradients(const Node& node) { return gradient_registry().none_reason(node.op()) != nullptr; }

// The nodes between x and y, and what the gradient of y passes through on its way to x.
class Path {
 public:
  Path(const Output& y, const Output& x, const Feeds& feeds) : graph_(y.graph()), x_(x) {
    for (const auto& [output, value] : feeds) fed_.insert(output);
    const std::size_t count = index(y.node()) + 1;
    reached_.assign(count, false);
    needed_.assign(count, false);
    passed_.assign(count, false);
    for (std::size_t id = 0; id < count; ++id) {
      const auto& inputs = node(id).inputs();
      reached_[id] = std::any_of(inputs.begin(), inputs.end(), [&](const Output& input) { return depends(input); });
    }
    needed_[count - 1] = true;
    results_[count - 1].insert(y.index());
    passed_[count - 1] = reached_[count - 1];
    for (std::size_t id = count; id-- > 0;) {
      if (needed_[id]) walk_up(id);
    }
  }

  // All that y needs, in run order.
  std::vector<Node*> needed() const { return those(needed_); }
  // Those that a gradient reaches on its way from y to x, in its order.
  std::vector<Node*> passed() const {
    std::vector<Node*> nodes = those(passed_);
    std::reverse(nodes.begin(), nodes.end());
    return nodes;
  }
  // The outputs of a passed node from which the path goes on.
  std::vector<Output> results(Node& node) const {
    std::vector<Output> outputs;
    for (const int i : results_.at(index(node))) outputs.push_back(node.output(i));
    return outputs;
  }
  // True when the operand leads to x.
  bool depends(const Output& output) const {
    if (output == x_) return true;
    return is_floating(output.dtype()) && !fed_.contains(output) && reached_[index(output.node())];
  }

 private:
  Node& node(std::size_t id) const { return graph_.node(static_cast<int>(id)); }

  void walk_up(std::size_t id) {
    const Node& n = node(id);
    const auto first = static_cast<std::size_t>(first_gradient_operand(n));
    for (std::size_t i = 0; i < n.inputs().size(); ++i) {
      const Output& input = n.inputs()[i];
      if (fed_.contains(input)) continue;
      const std::size_t above = index(input.node());
      needed_[above] = true;
      if (!passed_[id] || i < first || stops_gradients(n) || input == x_ || !depends(input)) continue;
      passed_[above] = true;
      results_[above].insert(input.index());
    }
  }

  std::vector<Node*> those(const std::vector<bool>& which) const {
    std::vector<Node*> nodes;
    for (std::size_t id = 0; id < which.size(); ++id) {
      if (which[id]) nodes.push_back(&node(id));
    }
    return nodes;
  }

  Graph& graph_;
  Output x_;
  std::unordered_set<Output> fed_;
  std::vector<bool> reached_;  // x has influence on it through real numbers
  std::vector<bool> needed_;   // y needs it
  std::vector<bool> passed_;
  std::map<std::size_t, std::set<int>> results_;
};

GradientBlame blame_for(const Node& node) {
  GradientBlame blame;
  blame.op = node.op();
  blame.node = node.name();
  blame.file = node.file();
  blame.line = node.line();
  if (node.forward_node() != nullptr) {
    blame.made_by = fmt::format("the rule of {} for '{}'", node.gradient_rule(), node.forward_node()->name());
  }
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

GradientBlame blame_for(const Node& node, const RuleCheck& found) {
  GradientBlame blame = blame_for(node);
  const GradientCheck& check = found.check;
  blame.operand = operand_name(node, found.operand);
  blame.gradient = check.analytic;
  blame.finite_difference = check.numeric;
  const std::string rule = node.op() == "CustomGradient" ? "its backward function" : "the rule of " + node.op();
  if (const std::string* none = gradient_registry().none_reason(node.op())) {
    blame.reason = fmt::format("{} stops the gradient (\"{}\"), but its result changes with '{}'", node.op(), *none,
                               blame.operand);
  } else if (!found.has_gradient) {
    blame.reason = fmt::format("{} gives no gradient for '{}', but the result changes with it", rule, blame.operand);
  } else if (!std::isfinite(check.analytic)) {
    blame.reason =
        fmt::format("{} gives {} for '{}' at the values that it has here", rule, check.analytic, blame.operand);
  } else {
    constexpr std::string_view kDiffers = "the gradient differs from the finite difference";
    std::string why = check.reason;
    if (why.starts_with(kDiffers)) why.erase(0, kDiffers.size());
    if (!why.empty() && why[0] != ':' && why[0] != ';') why.insert(0, ": ");
    blame.reason = fmt::format("{} is wrong for '{}': gradient {:.6g}, finite difference {:.6g}{}", rule, blame.operand,
                               check.analytic, check.numeric, why.empty() || why[0] != ':' ? why : ";" + why.substr(1));
  }
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

// The value of everything that y needs, twice.
class BlameFinder::Values {
 public:
  Values(Session& session, const Path& path, const Feeds& feeds) {
    for (const auto& [output, value] : feeds) fed_[output] = value;
    for (Node* node : path.needed()) {
      for (int i = 0; i < node->num_outputs(); ++i) {
        if (fed_.contains(node->output(i))) continue;
        position_[node->output(i)] = outputs_.size();
        outputs_.push_back(node->output(i));
      }
    }
    for (std::vector<Tensor>* run : {&first_, &second_}) {
      session.set_run_number(kBlameRunNumber);
      *run = session.run(feeds, outputs_);
    }
  }

  const Tensor& operator[](const Output& output) const {
    const auto found = fed_.find(output);
    return found != fed_.end() ? found->second : first_[position_.at(output)];
  }

  // The first result that meets `bad` though no operand of its node does.
  const Node* first_with(bool (*bad)(double)) const {
    for (const Output& output : outputs_) {
      const auto& inputs = output.node().inputs();
      if (!inputs.empty() && any((*this)[output], bad) &&
          std::none_of(inputs.begin(), inputs.end(), [&](const Output& input) { return any((*this)[input], bad); }))
        return &output.node();
    }
    return nullptr;
  }
  // Where one is an assignment, it is what changes the others.
  const Node* first_that_changes() const {
    const Node* result = nullptr;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const Node& node = outputs_[i].node();
      if (node.def().kind == OpKind::kVariable || bit_equal(first_[i], second_[i])) continue;
      if (node.def().effect == Effect::kMutates) return &node;
      if (result == nullptr) result = &node;
    }
    return result;
  }

 private:
  std::unordered_map<Output, Tensor> fed_;
  std::unordered_map<Output, std::size_t> position_;
  std::vector<Output> outputs_;
  std::vector<Tensor> first_, second_;
};

std::vector<GradientBlame> BlameFinder::find(const Output& y, const Output& x, const Feeds& feeds) {
  const Path path(y, x, feeds);
  const Values values(session_, path, feeds);
  const auto for_result = [](const Node& node, const char* reason) {
    GradientBlame blame = blame_for(node);
    blame.reason = reason;
    return std::vector<GradientBlame>{blame};
  };
  if (const Node* node = values.first_that_changes())
    return for_result(*node, "its result differs between two runs with the same inputs");
  if (any(values[y], is_nan) || any(values[y], is_infinite)) {
    if (const Node* node = values.first_with(is_nan))
      return for_result(*node, "its result has a NaN, its operands have none");
    if (const Node* node = values.first_with(is_infinite))
      return for_result(*node, "its result has an infinity, its operands have none");
  }

  std::vector<GradientBlame> result;
  for (Node* node : path.passed()) {
    for (const auto& [operand, blame] : findings_of(*node, values, feeds, path.results(*node))) {
      if (path.depends(node->input(operand))) result.push_back(blame);
    }
  }
  return result;
}

const BlameFinder::Findings& BlameFinder::findings_of(Node& node, const Values& values, const Feeds& feeds,
                                                      const std::vector<Output>& results) {
  std::vector<int> indices;
  for (const Output& output : results) indices.push_back(output.index());
  const auto [entry, is_new] = known_.try_emplace({&node, indices});
  Findings& findings = entry->second;
  if (!is_new) return findings;
  std::vector<Tensor> operands;
  for (const Output& input : node.inputs()) operands.push_back(values[input]);
  for (const Output& output : results) {
    if (!is_floating(output.dtype())) continue;
    try {
      for (const RuleCheck& check : check_rule(output, operands, feeds, options_)) {
        if (check.check.verdict == Verdict::kFail) findings.try_emplace(check.operand, blame_for(node, check));
      }
    } catch (const Error&) {
      // A node that cannot stand alone (it assigns to a variable, or its rule throws) is not judged here.
    }
  }
  return findings;
}

}  // namespace gradus
