#include "gradus/autodiff/recompute.h"

#include <algorithm>

#include "gradus/graph/recompute_scope.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

// Held by the graph or the session: reading it later costs nothing.
bool is_source(const Node& node) {
  return node.def().kind == OpKind::kConstant || node.def().kind == OpKind::kVariable;
}

// Sizes, which plans know before they run, if copies read them where the forward nodes do.
bool is_size(const Output& output) { return is_index(output.dtype()) && output.node().def().value != nullptr; }

// Results beside a much larger one, such as the mean and variance of batch norm: keeping them costs nothing, computing them again as much
// as the large one.
bool is_small(const Output& output) {
  constexpr std::int64_t kLarger = 16;
  if (output.index() == 0 || !output.shape().fully_known()) return false;
  const Shape& first = output.node().output_info(0).shape;
  return !first.fully_known() || first.num_elements() >= kLarger * output.shape().num_elements();
}

bool has_same_outputs(const Node& a, const Node& b) {
  for (int i = 0; i < a.num_outputs(); ++i) {
    if (a.output_info(i).shape != b.output_info(i).shape) return false;
  }
  return true;
}

}  // namespace

Recomputation::Recomputation(Graph& graph)
    : graph_(graph), prefix_(GradientScope::Recompute::prefix(graph) + "recompute/"), next_(graph.num_nodes()) {
  const auto& collections = graph.collections();
  for (auto it = collections.lower_bound(std::string(kRecomputeScopes));
       it != collections.end() && it->first.starts_with(kRecomputeScopes); ++it) {
    std::set<int> members;
    for (const Output& output : it->second) members.insert(output.node().id());
    scopes_.push_back(std::make_unique<Scope>(*this, graph, std::move(members)));
  }
  std::stable_sort(scopes_.begin(), scopes_.end(), [](const auto& a, const auto& b) { return a->size() < b->size(); });
  for (std::size_t i = 0; i < scopes_.size(); ++i) {
    const std::set<int>& members = scopes_[i]->members();
    for (const int id : members) innermost_.emplace(id, scopes_[i].get());
    const auto around = std::find_if(scopes_.begin() + static_cast<std::ptrdiff_t>(i) + 1, scopes_.end(),
                                     [&](const auto& s) { return s->members().contains(*members.begin()); });
    if (around != scopes_.end()) scopes_[i]->set_outer(around->get());
  }
}

void Recomputation::require_closed_scopes(const Graph& graph, const Caller& caller) {
  if (!RecomputeScope::is_open(graph)) return;
  caller.fail(
      "is called inside a RecomputeScope, whose nodes are known when it ends; end it before, with braces around what "
      "is "
      "to be computed again");
}

std::function<Output(const Output&)> Recomputation::values_for(const Node& node, const std::vector<Output>& gradients) {
  const auto found = innermost_.find(node.id());
  if (found == innermost_.end()) return nullptr;
  find_used();
  const auto arrived = std::find_if(gradients.begin(), gradients.end(), [](const Output& g) { return g.valid(); });
  Scope* const scope = found->second;
  scope->start(arrived->node());
  return [scope](const Output& output) { return scope->value(output); };
}

// What a gradient reads is there until the backward pass comes to the scope that made it.
void Recomputation::find_used() {
  for (; next_ < graph_.num_nodes(); ++next_) {
    const Node& node = graph_.node(next_);
    if (is_recomputed(node)) continue;
    if (node.num_outputs() > 0 && is_size(graph_.node(next_).output(0))) continue;
    used_.insert(node.inputs().begin(), node.inputs().end());
  }
}

void Recomputation::Scope::start(Node& gradient) {
  if (gradient_ != nullptr) return;
  gradient_ = &gradient;
  find_computed_again();
  if (outer_ != nullptr) outer_->start(gradient);
}

// What is computed once and is not made of constants and variables alone.
bool Recomputation::Scope::comes_from_outside(const Output& output) const {
  const Node& node = output.node();
  if (is_source(node) || is_size(output)) return false;
  return !members_.contains(node.id()) || node.def().effect != Effect::kNone || node.def().kind == OpKind::kPlaceholder;
}

// Functions of what comes from outside, and random numbers. What is made of constants and variables alone would be the same node for a
// plan, and a variable may have changed.
void Recomputation::Scope::find_computed_again() {
  for (const int id : members_) {
    const Node& node = graph_.node(id);
    if (is_source(node) || node.def().kind == OpKind::kPlaceholder || node.def().kind == OpKind::kNoOp) continue;
    const auto& inputs = node.inputs();
    const bool follows = std::any_of(inputs.begin(), inputs.end(), [&](const Output& input) {
      return is_computed_again(input.node()) || comes_from_outside(input);
    });
    const bool reads_variables = std::any_of(
        inputs.begin(), inputs.end(), [](const Output& input) { return input.node().def().kind == OpKind::kVariable; });
    if (node.def().effect == Effect::kNone ? follows : node.def().effect == Effect::kRandom && !reads_variables)
      again_.insert(id);
  }
}

Output Recomputation::Scope::value(const Output& output) {
  if (!is_computed_again(output.node()) || is_kept(output)) return outside(output);
  if (!values_.contains(output)) copy_with_inputs(output);
  return values_.at(output);
}

// The value outside, without adding nodes; an invalid Output where that would be needed.
Output Recomputation::Scope::if_there(const Output& output) const {
  if (outer_ == nullptr) return output;
  if (const auto found = outer_->values_.find(output); found != outer_->values_.end()) return found->second;
  return !outer_->is_computed_again(output.node()) || outer_->is_kept(output) ? outer_->if_there(output) : Output();
}

bool Recomputation::Scope::is_kept(const Output& output) const {
  if (is_small(output)) return true;
  const Output there = if_there(output);
  return !values_.contains(output) && there.valid() && all_.used_.contains(there);
}

void Recomputation::Scope::copy_with_inputs(const Output& output) {
  std::set<int> needed;  // in the order of ids, inputs come first
  std::vector<Output> open = {output};
  while (!open.empty()) {
    const Output o = open.back();
    open.pop_back();
    if (!is_computed_again(o.node()) || values_.contains(o) || is_kept(o)) continue;
    if (!needed.insert(o.node().id()).second) continue;
    open.insert(open.end(), o.node().inputs().begin(), o.node().inputs().end());
  }
  for (const int id : needed) copy(graph_.node(id));
}

void Recomputation::Scope::copy(const Node& node) {
  std::vector<Output> inputs;
  for (const Output& input : node.inputs()) inputs.push_back(input_of_copy(input));
  std::vector<Node*> control = node.control_inputs();
  if (node.def().effect == Effect::kRandom) control.push_back(gradient_);
  const GradientScope::Recompute scope(node, all_.prefix_, std::move(control));
  Node& again = graph_.add_node(node.op(), std::move(inputs), node.attrs(), At(node.name()));
  // A shape that the graph knows from a symbol (a reshape to sizes of the forward value) it may not know of the copy.
  const bool same = has_same_outputs(again, node);
  for (int i = 0; i < node.num_outputs(); ++i) {
    const Output forward = graph_.node(node.id()).output(i);
    if (same) {
      values_.try_emplace(forward, again.output(i));
    } else {
      delayed(forward);
    }
  }
}

Output Recomputation::Scope::input_of_copy(const Output& input) {
  if (const auto found = values_.find(input); found != values_.end()) return found->second;
  return comes_from_outside(input) || is_computed_again(input.node()) ? delayed(input) : outside(input);
}

// The value from outside, for nodes that must not run before the backward pass comes to the scope: a plan would otherwise take copies and
// forward nodes, equal in all, for one.
Output Recomputation::Scope::delayed(const Output& input) {
  const auto [found, is_new] = values_.try_emplace(input);
  if (is_new) {
    const Output value = outside(input);
    const GradientScope::Recompute scope(value.node(), all_.prefix_, {gradient_});
    found->second = identity(value, input.node().name() + "/kept");
  }
  return found->second;
}

}  // namespace gradus
