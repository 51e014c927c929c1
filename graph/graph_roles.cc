#include "gradus/graph/graph_roles.h"

#include <algorithm>
#include <span>

namespace gradus {
namespace {

class Roles {
 public:
  explicit Roles(const Graph& graph) : graph_(graph), size_(static_cast<std::size_t>(graph.num_nodes())) {
    consumers_.resize(size_);
    for (std::size_t id = 0; id < size_; ++id) {
      for (const Output& input : node(id).inputs()) consumers_[index(input.node())].push_back(id);
      for (const Node* control : node(id).control_inputs()) consumers_[index(*control)].push_back(id);
    }
  }

  std::vector<NodeRole> run() {
    roles_.assign(size_, NodeRole::kForward);
    mark_gradients_and_updates();
    const std::vector<bool> candidates = only_for_updates(std::vector<bool>(size_, true));
    const std::vector<bool> serving = only_for_updates(may_serve(candidates));
    for (std::size_t id = 0; id < size_; ++id) {
      if (serving[id]) roles_[id] = NodeRole::kUpdate;
    }
    mark_initial_values();
    return std::move(roles_);
  }

 private:
  Node& node(std::size_t id) const { return graph_.node(static_cast<int>(id)); }
  static std::size_t index(const Node& node) { return static_cast<std::size_t>(node.id()); }

  void mark_gradients_and_updates() {
    for (std::size_t id = 0; id < size_; ++id) {
      const Node& n = node(id);
      const auto& controls = n.control_inputs();
      if (n.forward_node() != nullptr) {
        roles_[id] = NodeRole::kGradient;
      } else if (n.def().effect == Effect::kMutates ||
                 (n.def().kind == OpKind::kNoOp && std::any_of(controls.begin(), controls.end(), [&](const Node* c) {
                    return roles_[index(*c)] == NodeRole::kUpdate;
                  }))) {
        roles_[id] = NodeRole::kUpdate;
      }
    }
  }

  // Whether a forward node is used, and by such nodes only for which is_one(user) holds.
  template <class IsOne>
  bool is_only_for(std::size_t id, IsOne is_one) const {
    const auto& users = consumers_[id];
    return roles_[id] == NodeRole::kForward && !users.empty() && std::all_of(users.begin(), users.end(), is_one);
  }

  // The allowed nodes that are used, and by updates and nodes like this only.
  std::vector<bool> only_for_updates(const std::vector<bool>& allowed) const {
    std::vector<bool> result(size_, false);
    const auto serves = [&](std::size_t user) { return result[user] || roles_[user] == NodeRole::kUpdate; };
    for (std::size_t id = size_; id-- > 0;) result[id] = allowed[id] && is_only_for(id, serves);
    return result;
  }

  // A model whose only use is a metric's counter is no part of the update: what serves updates reads a variable of theirs (a moving
  // average), depends on a gradient, or is made from nothing (a learning rate).
  std::vector<bool> may_serve(const std::vector<bool>& candidates) const {
    std::vector<bool> result(size_, false), model(size_, false), state(size_, false);
    for (std::size_t id = 0; id < size_; ++id) {
      const Node& n = node(id);
      if (n.def().kind == OpKind::kPlaceholder) model[id] = true;
      if (n.def().kind == OpKind::kVariable) {
        state[id] = result[id] = candidates[id] && is_overwritten(id);
        model[id] = !result[id];
        continue;
      }
      for (const Output& input : n.inputs()) {
        const std::size_t from = index(input.node());
        if (roles_[from] == NodeRole::kGradient || roles_[from] == NodeRole::kUpdate || state[from]) state[id] = true;
        if (model[from]) model[id] = true;
      }
      result[id] = state[id] || !model[id];
    }
    return result;
  }

  bool is_overwritten(std::size_t id) const {
    return std::any_of(consumers_[id].begin(), consumers_[id].end(), [&](std::size_t user) {
      const Node& n = node(user);
      const auto changed = std::span(n.inputs()).first(n.def().num_mutated());
      return std::any_of(changed.begin(), changed.end(), [&](const Output& v) { return index(v.node()) == id; });
    });
  }

  void mark_initial_values() {
    const auto is_variable = [&](std::size_t id) { return node(id).def().kind == OpKind::kVariable; };
    const auto starts = [&](std::size_t user) { return roles_[user] == NodeRole::kInitialValue || is_variable(user); };
    for (std::size_t id = size_; id-- > 0;) {
      if (!is_variable(id) && is_only_for(id, starts)) roles_[id] = NodeRole::kInitialValue;
    }
  }

  const Graph& graph_;
  std::size_t size_;
  std::vector<std::vector<std::size_t>> consumers_;
  std::vector<NodeRole> roles_;
};

}  // namespace

std::vector<NodeRole> node_roles(const Graph& graph) { return Roles(graph).run(); }

const Node& base_forward_node(const Node& node) {
  const Node* base = &node;
  while (base->forward_node() != nullptr) base = base->forward_node();
  return *base;
}

int gradient_order(const Node& node) {
  int order = 0;
  for (const Node* n = node.forward_node(); n != nullptr; n = n->forward_node()) ++order;
  return order;
}

bool is_named_after_op(const Node& node) {
  std::string_view name = node.name();
  if (const std::size_t slash = name.rfind('/'); slash != std::string_view::npos) name.remove_prefix(slash + 1);
  if (!name.starts_with(node.op())) return false;
  name.remove_prefix(node.op().size());
  if (name.empty()) return true;
  return name.size() > 1 && name[0] == '_' &&
         std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view name_levels(std::string_view name, int levels) {
  std::size_t end = 0;
  for (int level = 0; level < levels; ++level) {
    const std::size_t slash = name.find('/', level == 0 ? 0 : end + 1);
    if (slash == std::string_view::npos) return name;
    end = slash;
  }
  return name.substr(0, end);
}

int count_levels(std::string_view name) { return 1 + static_cast<int>(std::count(name.begin(), name.end(), '/')); }

std::string_view scope_of(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
}

bool is_in_scope(std::string_view name, std::string_view scope) {
  if (scope.ends_with('/')) scope.remove_suffix(1);
  return name.starts_with(scope) && (name.size() == scope.size() || name[scope.size()] == '/');
}

}  // namespace gradus
