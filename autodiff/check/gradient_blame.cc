#include "gradus/autodiff/check/gradient_blame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "gradus/autodiff/check/float64_twin.h"
#include "gradus/autodiff/check/rule_check.h"
#include "gradus/autodiff/gradient_registry.h"

namespace gradus {
namespace {

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
