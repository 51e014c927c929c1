#include "gradus/autodiff/gradients.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <unordered_map>
#include <unordered_set>

#include "gradus/autodiff/recompute.h"
#include "gradus/graph/recompute_scope.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

// The scope of a forward node "block1/conv" within the scope "gradients/".
class MirrorScope {
 public:
  explicit MirrorScope(Node& forward)
      : name_(forward.graph(), forward.name()), gradient_(forward.graph(), forward, forward.op()) {}

 private:
  NameScope name_;
  GradientScope gradient_;
};

class Backward {
 public:
  Backward(const std::vector<Output>& ys, const std::vector<Output>& xs) : xs_(xs.begin(), xs.end()) {
    for (const Output& x : xs) first_ = std::min(first_, x.node().id());
    for (const Output& y : ys) last_ = std::max(last_, y.node().id());
    carries_.assign(static_cast<std::size_t>(last_) + 1, false);
    mark_dependent(ys[0].graph());
  }

  // True when `output` is an x, or a differentiable path leads from an x to it. What was computed again counts as the first.
  bool depends(const Output& output) const {
    const Output first = original(output);
    return is_floating(first.dtype()) && (xs_.contains(first) || carries(first.node().id()));
  }

  // An invalid `gradient` stands for ones.
  void contribute(const Output& to, const Output& gradient, Node* from) {
    Pending& pending = pending_[original(to)];
    if (pending.gradients.empty()) pending.from = from;
    pending.gradients.push_back(gradient);
  }

  // A node at which a path may have ended by mistake: its rule was asked, and set no gradient at all. nullptr: there is none.
  const Node* silent() const { return silent_; }

  // A node's inputs have smaller ids than the node. Going down, all contributions to a node's outputs have therefore
  // arrived when its turn comes: the order of ids does what counting pending contributions does elsewhere.
  void run(Graph& graph) {
    Recomputation recomputation(graph);
    for (int id = last_; id >= first_; --id) {
      if (carries(id)) differentiate(graph.node(id), recomputation);
    }
  }

  // The gradient of an x, once run() is through; invalid when nothing has arrived.
  Output result(const Output& x) {
    const auto found = pending_.find(x);
    if (found == pending_.end()) return Output();
    if (const auto& all = found->second.gradients; all.size() == 1 && all[0].valid()) return all[0];
    const MirrorScope scope(x.node());
    return total(x);
  }

 private:
  struct Pending {
    std::vector<Output> gradients;
    Node* from = nullptr;  // the consumer whose rule contributed first; nullptr for a y
  };

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

  bool carries(int id) const { return id <= last_ && carries_[static_cast<std::size_t>(id)]; }

  void mark_dependent(Graph& graph) {
    for (int id = first_; id <= last_; ++id) {
      const Node& node = graph.node(id);
      if (gradient_registry().none_reason(node.op()) != nullptr) continue;
      const auto& inputs = node.inputs();
      carries_[static_cast<std::size_t>(id)] =
          std::any_of(inputs.begin(), inputs.end(), [&](const Output& input) { return depends(input); });
    }
  }

  void differentiate(Node& node, Recomputation& recomputation) {
    bool arrived = false;
    for (int i = 0; i < node.num_outputs(); ++i) arrived = arrived || pending_.contains(node.output(i));
    if (!arrived) return;
    const GradientRule* rule = gradient_registry().find(node.op());
    if (rule == nullptr) throw missing_rule(node);

    const MirrorScope scope(node);
    std::vector<Output> grads;
    for (int i = 0; i < node.num_outputs(); ++i) {
      grads.push_back(pending_.contains(node.output(i)) ? total(node.output(i)) : not_arrived(node, i));
    }
    std::vector<bool> needed;
    for (const Output& input : node.inputs()) needed.push_back(depends(input));
    GradientContext context(node, grads, needed, recomputation.values_for(node, grads));
    call(*rule, context);
    if (std::none_of(context.result().begin(), context.result().end(), [](const Output& o) { return o.valid(); }))
      silent_ = &node;
    for (std::size_t i = 0; i < needed.size(); ++i) {
      const Output& result = context.result()[i];
      if (!needed[i] || !result.valid()) continue;
      check_result(node, static_cast<int>(i), result);
      contribute(node.inputs()[i], result, &node);
    }
  }

  static Output not_arrived(Node& node, int i) {
    return node.graph().absent(
        fmt::format("no gradient arrived for output {} of {}; in a rule, c.grad(i).valid() asks for "
                    "that and c.grad_or_zeros({}) gives zeros",
                    i, node.where(), i));
  }

  // Whatever the rule's author did wrong becomes an Error that names the node and the rule.
  static void call(const GradientRule& rule, GradientContext& context) {
    const auto by = [&] { return "the gradient rule of " + context.node().op(); };
    const auto where = [&] { return context.node().where(); };
    try {
      rule(context);
    } catch (const Error& error) {
      const std::string_view text = error.what();
      if (text.find(by()) != std::string_view::npos) throw;
      throw Error(error.code(), fmt::format("{}{} (in {})", text.starts_with("[") ? "" : where() + " ", text, by()));
    } catch (const std::bad_alloc&) {
      throw Error(Code::kResourceExhausted, fmt::format("{} {} ran out of memory", where(), by()));
    } catch (const std::exception& error) {
      throw internal_error(fmt::format("{} {} threw: {}", where(), by(), error.what()));
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
  std::vector<bool> carries_;  // by id: a differentiable path leads from an x to the node
  std::unordered_map<Output, Pending> pending_;
  const Node* silent_ = nullptr;
};

void check_operands(const Caller& caller, const std::vector<Output>& outputs, const char* which,
                    const std::vector<Output>& ys) {
  if (outputs.empty()) caller.fail(fmt::format("needs at least one {}", which));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Output& o = outputs[i];
    if (!o.valid()) caller.fail(fmt::format("{}s[{}] refers to nothing: {}", which, i, o.absence()));
    if (&o.graph() != &ys[0].graph()) {
      caller.fail(fmt::format("{} '{}' belongs to another graph: it is {}", which, o.name(), o.node().where()));
    }
    if (!is_floating(o.dtype())) {
      caller.fail(fmt::format("needs a floating {}; '{}' is {} {}: it is {}", which, o.name(), dtype_name(o.dtype()),
                              o.shape().to_string(), o.node().where()));
    }
  }
}

void check_grad_y(const Caller& caller, const Output& y, const Output& grad_y) {
  if (grad_y.is_absent()) {
    caller.fail(fmt::format("the grad_y of '{}' is none; a default-made Output stands for ones. It is none because {}",
                            y.name(), grad_y.absence()));
  }
  if (!grad_y.valid()) return;
  if (&grad_y.graph() != &y.graph()) caller.fail("grad_y '" + grad_y.name() + "' belongs to another graph");
  if (grad_y.dtype() == y.dtype() && grad_y.shape().compatible_with(y.shape())) return;
  caller.fail(fmt::format("grad_y '{}' must be {} {} like y; got {} {}: y is {}", grad_y.name(), dtype_name(y.dtype()),
                          y.shape().to_string(), dtype_name(grad_y.dtype()), grad_y.shape().to_string(),
                          y.node().where()));
}

// What an x without a path gets.
Output unconnected_gradient(const std::vector<Output>& ys, const Output& x, Unconnected unconnected, const Node* silent,
                            SourceLocation location) {
  if (unconnected == Unconnected::kZeros) {
    const MirrorScope scope(x.node());
    // Where the shape is known nothing of x is needed, so a run need not feed it.
    return x.shape().fully_known() ? fill(x.shape().dims(), scalar(x.graph(), 0.0, x.dtype())) : zeros_like(x);
  }
  return x.graph().absent(fmt::format(
      "it is the gradient that gradients() at {} was asked for by x '{}', {}, and no differentiable path leads "
      "from that x to y '{}'{} (integers, stop_gradient and ops without derivative end a path); connect "
      "them, leave that x out, or ask for zeros with Unconnected::kZeros{}",
      file_and_line(location), x.name(), x.node().where(), ys[0].name(),
      ys.size() > 1 ? fmt::format(" or the {} other ys", ys.size() - 1) : "",
      silent == nullptr
          ? ""
          : fmt::format(". The gradient rule of {} set no gradient for any operand of {}: if that is where the "
                        "path ends, it must call set(i, ...)",
                        silent->op(), silent->where())));
}

}  // namespace

std::vector<Output> gradients(const std::vector<Output>& ys, const std::vector<Output>& xs,
                              const std::vector<Output>& grad_ys, Unconnected unconnected, SourceLocation location) {
  const std::string name = !ys.empty() && ys[0].valid() ? ys[0].name() : "";
  const Caller caller{"gradients", name, location};
  check_operands(caller, ys, "y", ys);
  check_operands(caller, xs, "x", ys);
  if (!grad_ys.empty() && grad_ys.size() != ys.size()) {
    caller.fail(fmt::format("needs one grad_y per y; got {} for {}", grad_ys.size(), ys.size()));
  }
  for (std::size_t i = 0; i < grad_ys.size(); ++i) check_grad_y(caller, ys[i], grad_ys[i]);

  Graph& graph = ys[0].graph();
  Recomputation::require_closed_scopes(graph, caller);
  const NameScope scope(graph, "gradients");
  Backward backward(ys, xs);
  for (std::size_t i = 0; i < ys.size(); ++i) {
    if (backward.depends(ys[i])) backward.contribute(ys[i], grad_ys.empty() ? Output() : grad_ys[i], nullptr);
  }
  backward.run(graph);
  std::vector<Output> result;
  for (const Output& x : xs) {
    const Output gradient = backward.result(x);
    result.push_back(gradient.valid() ? gradient
                                      : unconnected_gradient(ys, x, unconnected, backward.silent(), location));
  }
  return result;
}

std::vector<Output> gradients(const Output& y, const std::vector<Output>& xs, const Output& grad_y,
                              Unconnected unconnected, SourceLocation location) {
  return gradients(std::vector<Output>{y}, xs, std::vector<Output>{grad_y}, unconnected, location);
}

}  // namespace gradus
