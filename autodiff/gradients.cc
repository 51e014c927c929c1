#include "gradus/autodiff/gradients.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "gradus/graph/scopes.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

// The scope of a forward node "block1/conv" within the scope "gradients/".
class MirrorScope {
 public:
  MirrorScope(Graph& graph, Node& forward, const std::string& rule)
      : name_(graph, forward.name()), gradient_(graph, forward, rule) {}

 private:
  NameScope name_;
  GradientScope gradient_;
};

class Backward {
 public:
  Backward(const std::vector<Output>& ys, const std::vector<Output>& xs) : xs_(xs.begin(), xs.end()) {
    for (const Output& x : xs) first_ = std::min(first_, x.node().id());
    for (const Output& y : ys) last_ = std::max(last_, y.node().id());
    mark_dependent(ys[0].graph());
  }

  // True when `output` is an x, or a differentiable path leads from an x to it.
  bool depends(const Output& output) const {
    if (!is_floating(output.dtype())) return false;
    return xs_.contains(output) || carries(output.node().id());
  }

  // An invalid `gradient` stands for ones.
  void contribute(const Output& to, const Output& gradient, Node* from) {
    Pending& pending = pending_[to];
    if (pending.gradients.empty()) pending.from = from;
    pending.gradients.push_back(gradient);
  }

  // A node's inputs have smaller ids than the node. Going down, all contributions to a node's outputs have therefore
  // arrived when its turn comes: the order of ids does what counting pending contributions does elsewhere.
  void run(Graph& graph) {
    for (int id = last_; id >= first_; --id) {
      if (carries(id)) differentiate(graph.node(id));
    }
  }

  // The gradient of an x, once run() is through; invalid when nothing has arrived.
  Output result(const Output& x) {
    const auto found = pending_.find(x);
    if (found == pending_.end()) return {};
    if (is_one_gradient(found->second)) return found->second.gradients[0];
    const MirrorScope scope(x.graph(), x.node(), x.node().op());
    return total(x);
  }

 private:
  struct Pending {
    std::vector<Output> gradients;
    Node* from = nullptr;  // the consumer whose rule contributed first; nullptr for a y
  };

  static bool is_one_gradient(const Pending& pending) {
    return pending.gradients.size() == 1 && pending.gradients[0].valid();
  }

  // The sum of what has arrived for `output`, made in the current scope.
  Output total(const Output& output) {
    std::vector<Output>& gradients = pending_.at(output).gradients;
    for (Output& gradient : gradients) {
      if (!gradient.valid()) gradient = ones_for(output);
    }
    if (gradients.size() > 1) gradients = {output.graph().add("AddN", gradients, {}, "")};
    return gradients[0];
  }

  static Output ones_for(const Output& y) {
    if (y.shape().rank() == 0) return scalar(y.graph(), 1.0, y.dtype(), "grad_y");
    return y.graph().add("OnesLike", {y}, {}, "grad_y");
  }

  bool carries(int id) const { return id >= first_ && id <= last_ && carries_[static_cast<std::size_t>(id - first_)]; }

  void mark_dependent(Graph& graph) {
    if (last_ < first_) return;
    carries_.assign(static_cast<std::size_t>(last_ - first_ + 1), false);
    for (int id = first_; id <= last_; ++id) {
      const Node& node = graph.node(id);
      if (gradient_registry().none_reason(node.op()) != nullptr) continue;
      const auto& inputs = node.inputs();
      carries_[static_cast<std::size_t>(id - first_)] =
          std::any_of(inputs.begin(), inputs.end(), [&](const Output& input) { return depends(input); });
    }
  }

  void differentiate(Node& node) {
    bool arrived = false;
    for (int i = 0; i < node.num_outputs(); ++i) arrived = arrived || pending_.contains(node.output(i));
    if (!arrived) return;
    const GradientRule* rule = gradient_registry().find(node.op());
    if (rule == nullptr) throw missing_rule(node);

    const MirrorScope scope(node.graph(), node, node.op());
    std::vector<Output> grads;
    for (int i = 0; i < node.num_outputs(); ++i) {
      grads.push_back(pending_.contains(node.output(i)) ? total(node.output(i)) : Output());
    }
    std::vector<bool> needed;
    for (const Output& input : node.inputs()) needed.push_back(depends(input));
    GradientContext context(node, std::move(grads), needed);
    (*rule)(context);
    for (std::size_t i = 0; i < needed.size(); ++i) {
      const Output& result = context.result()[i];
      if (!needed[i] || !result.valid()) continue;
      check_result(node, static_cast<int>(i), result);
      contribute(node.inputs()[i], result, &node);
    }
  }

  static void check_result(const Node& node, int i, const Output& result) {
    const Output& input = node.inputs()[static_cast<std::size_t>(i)];
    if (&result.graph() != &node.graph()) {
      throw invalid_argument(fmt::format("{} the gradient rule of {} returned an output of another graph for input {}",
                                         node.where(), node.op(), i));
    }
    if (result.dtype() == input.dtype() && result.shape().compatible_with(input.shape())) return;
    throw invalid_argument(
        fmt::format("{} the gradient for input {} must be {} {} like the input; the rule of {} returned {} {}",
                    node.where(), i, dtype_name(input.dtype()), input.shape().to_string(), node.op(),
                    dtype_name(result.dtype()), result.shape().to_string()));
  }

  // "loss -> head/sum -> conv1/features -> image": from a y by way of `node` to an x.
  Error missing_rule(Node& node) {
    std::vector<std::string> path;
    for (Node* above = &node; above != nullptr;) {
      path.push_back(above->name());
      Node* next = nullptr;
      for (int i = 0; i < above->num_outputs() && next == nullptr; ++i) {
        if (const auto found = pending_.find(above->output(i)); found != pending_.end()) next = found->second.from;
      }
      above = next;
    }
    std::reverse(path.begin(), path.end());
    Output below = node.output(0);
    while (below == node.output(0) || !xs_.contains(below)) {
      const auto& inputs = below.node().inputs();
      const auto next = std::find_if(inputs.begin(), inputs.end(), [&](const Output& input) { return depends(input); });
      if (next == inputs.end()) break;
      below = *next;
      path.push_back(below.name());
    }
    return unimplemented(
        fmt::format("{} op {} has no gradient, which the path from y to x needs: {}; give it one by "
                    "gradient_registry().add(\"{}\", rule), "
                    "or by add_none(\"{}\", reason) where it has none by its nature",
                    node.where(), node.op(), fmt::join(path, " -> "), node.op(), node.op()));
  }

  std::unordered_set<Output> xs_;
  int first_ = INT32_MAX;  // ids of the nodes that matter: from the first x to the last y
  int last_ = -1;
  std::vector<bool> carries_;
  std::unordered_map<Output, Pending> pending_;
};

void check_operands(const std::vector<Output>& outputs, const char* which, const Graph& graph) {
  if (outputs.empty()) throw invalid_argument(fmt::format("gradients() needs at least one {}", which));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Output& o = outputs[i];
    if (!o.valid()) throw invalid_argument(fmt::format("gradients(): {}s[{}] refers to nothing", which, i));
    if (&o.graph() != &graph) {
      throw invalid_argument(fmt::format("gradients(): {} '{}' belongs to another graph", which, o.name()));
    }
    if (!is_floating(o.dtype())) {
      throw invalid_argument(fmt::format("{} gradients() needs a floating {}; '{}' is {} {}", o.node().where(), which,
                                         o.name(), dtype_name(o.dtype()), o.shape().to_string()));
    }
  }
}

void check_grad_y(const Output& y, const Output& grad_y) {
  if (&grad_y.graph() != &y.graph()) {
    throw invalid_argument("gradients(): grad_y '" + grad_y.name() + "' belongs to another graph");
  }
  if (grad_y.dtype() == y.dtype() && grad_y.shape().compatible_with(y.shape())) return;
  throw invalid_argument(fmt::format("{} gradients(): grad_y '{}' must be {} {} like y; got {} {}", y.node().where(),
                                     grad_y.name(), dtype_name(y.dtype()), y.shape().to_string(),
                                     dtype_name(grad_y.dtype()), grad_y.shape().to_string()));
}

}  // namespace

std::vector<Output> gradients(const std::vector<Output>& ys, const std::vector<Output>& xs,
                              const std::vector<Output>& grad_ys) {
  if (ys.empty() || !ys[0].valid()) throw invalid_argument("gradients() needs at least one y");
  Graph& graph = ys[0].graph();
  check_operands(ys, "y", graph);
  check_operands(xs, "x", graph);
  if (!grad_ys.empty() && grad_ys.size() != ys.size()) {
    throw invalid_argument(fmt::format("gradients() needs one grad_y per y; got {} for {}", grad_ys.size(), ys.size()));
  }

  const NameScope scope(graph, "gradients");
  Backward backward(ys, xs);
  for (std::size_t i = 0; i < ys.size(); ++i) {
    const Output given = grad_ys.empty() ? Output() : grad_ys[i];
    if (given.valid()) check_grad_y(ys[i], given);
    if (backward.depends(ys[i])) backward.contribute(ys[i], given, nullptr);
  }
  backward.run(graph);
  std::vector<Output> result;
  for (const Output& x : xs) result.push_back(backward.result(x));
  return result;
}

std::vector<Output> gradients(const Output& y, const std::vector<Output>& xs, const Output& grad_y) {
  return gradients(std::vector<Output>{y}, xs, grad_y.valid() ? std::vector<Output>{grad_y} : std::vector<Output>{});
}

}  // namespace gradus
