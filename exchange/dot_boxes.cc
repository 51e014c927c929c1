#include "gradus/exchange/dot_boxes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "gradus/core/nearest_names.h"

namespace gradus {
namespace {

std::size_t index_of(const Node& node) { return static_cast<std::size_t>(node.id()); }

// The nodes of the part that the options ask for.
class Selection {
 public:
  Selection(const Graph& graph, const DotOptions& options, const std::vector<NodeRole>& roles) : graph_(graph) {
    selected_.assign(static_cast<std::size_t>(graph.num_nodes()), true);
    if (!options.scope.empty()) take(in_scope(options.scope));
    if (!options.from.empty()) take(reached_from(options.from));
    if (!options.to.empty()) take(needed_by(options.to));
    if (!options.from.empty()) add_parameters(roles);
  }

  bool operator[](std::size_t id) const { return selected_[id]; }

  // By node id: those in the scope, or of that name, and their gradients. Throws NotFound when there are none.
  std::vector<bool> in_scope(std::string_view scope) const {
    std::vector<bool> result(selected_.size());
    for (std::size_t id = 0; id < result.size(); ++id)
      result[id] = is_in_scope(node(id).name(), scope) || is_in_scope(base_forward_node(node(id)).name(), scope);
    if (std::find(result.begin(), result.end(), true) == result.end()) throw no_scope(scope);
    return result;
  }

 private:
  const Node& node(std::size_t id) const { return graph_.node(static_cast<int>(id)); }

  void take(const std::vector<bool>& which) {
    for (std::size_t id = 0; id < selected_.size(); ++id) selected_[id] = selected_[id] && which[id];
  }

  Error no_scope(std::string_view scope) const {
    std::vector<std::string> names;
    for (std::size_t id = 0; id < selected_.size(); ++id) {
      for (std::string_view s = scope_of(node(id).name()); !s.empty(); s = scope_of(s)) names.emplace_back(s);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return not_found(fmt::format("to_dot: the graph has no name scope '{}'{}", scope, did_you_mean(scope, names)));
  }

  std::vector<bool> marked(const std::vector<Output>& outputs, const char* what) const {
    std::vector<bool> result(selected_.size(), false);
    for (const Output& output : outputs) {
      if (!output.valid()) throw invalid_argument(fmt::format("to_dot: an output in `{}` refers to nothing", what));
      if (&output.graph() != &graph_) {
        throw invalid_argument(fmt::format("to_dot: '{}' in `{}` belongs to another graph", output.name(), what));
      }
      result[index_of(output.node())] = true;
    }
    return result;
  }

  // Whether some input of the node is among `which`.
  bool uses(std::size_t id, const std::vector<bool>& which) const {
    const std::vector<Output>& inputs = node(id).inputs();
    return std::any_of(inputs.begin(), inputs.end(),
                       [&](const Output& input) { return which[index_of(input.node())]; });
  }

  std::vector<bool> reached_from(const std::vector<Output>& outputs) const {
    std::vector<bool> result = marked(outputs, "from");
    for (std::size_t id = 0; id < result.size(); ++id) result[id] = result[id] || uses(id, result);
    return result;
  }

  std::vector<bool> needed_by(const std::vector<Output>& outputs) const {
    std::vector<bool> result = marked(outputs, "to");
    for (std::size_t id = result.size(); id-- > 0;) {
      if (!result[id]) continue;
      for (const Output& input : node(id).inputs()) result[index_of(input.node())] = true;
    }
    return result;
  }

  // The variables and constants, and what is computed from these alone, that forward nodes on the paths use.
  void add_parameters(const std::vector<NodeRole>& roles) {
    const auto kind = [&](std::size_t id) { return node(id).def().kind; };
    std::vector<bool> fed(selected_.size());  // placeholders, and what is computed from them
    for (std::size_t id = 0; id < fed.size(); ++id)
      fed[id] = kind(id) == OpKind::kPlaceholder || (kind(id) != OpKind::kVariable && uses(id, fed));
    for (std::size_t id = selected_.size(); id-- > 0;) {
      if (!selected_[id] || roles[id] != NodeRole::kForward || kind(id) == OpKind::kVariable) continue;
      for (const Output& input : node(id).inputs()) {
        if (!fed[index_of(input.node())]) selected_[index_of(input.node())] = true;
      }
    }
  }

  const Graph& graph_;
  std::vector<bool> selected_;
};

class Boxes {
 public:
  Boxes(const Graph& graph, const DotOptions& options, const std::vector<NodeRole>& roles)
      : graph_(graph), options_(options), roles_(roles), selected_(graph, options, roles) {}

  DotBoxes run() {
    for (const std::string& scope : options_.unfold) (void)selected_.in_scope(scope);
    if (options_.depth != DotOptions::kAutomatic) return result_with(options_.depth);
    int deepest = 1;
    for (int id = 0; id < graph_.num_nodes(); ++id) deepest = std::max(deepest, count_levels(graph_.node(id).name()));
    DotBoxes result = result_with(DotOptions::kEveryNode);
    if (size_of(result) <= options_.max_boxes / 2) return result;
    // At the deepest level no scope is folded, but gradients are beside their nodes and constants are left out.
    result = result_with(deepest);
    for (int depth = deepest - 1; depth >= 1 && size_of(result) > options_.max_boxes; --depth)
      result = result_with(depth);
    return result;
  }

 private:
  static int size_of(const DotBoxes& result) {
    return static_cast<int>(
        std::count_if(result.boxes.begin(), result.boxes.end(), [](const DotBox& box) { return !box.outside; }));
  }

  bool is_unfolded(std::string_view name) const {
    return std::any_of(options_.unfold.begin(), options_.unfold.end(),
                       [&](const std::string& scope) { return is_in_scope(name, scope); });
  }

  bool is_hidden(std::size_t id, const Node& node, bool every_node) const {
    if (node.def().kind == OpKind::kConstant && (!options_.constants || !every_node)) return true;
    switch (roles_[id]) {
      case NodeRole::kInitialValue: return !options_.initial_values;
      case NodeRole::kGradient: return options_.gradients == DotPart::kHidden;
      case NodeRole::kUpdate: return options_.updates == DotPart::kHidden;
      case NodeRole::kForward: break;
    }
    return false;
  }

  // The box that the node belongs to: a name, whether it is folded, and a number that keeps gradients and updates apart.
  DotBox box_for(std::size_t id, const Node& node, int depth) const {
    DotBox box;
    box.order = gradient_order(node);
    box.is_update = roles_[id] == NodeRole::kUpdate;
    const bool every_node = depth == DotOptions::kEveryNode;
    if (box.is_update && options_.updates == DotPart::kFolded) {
      box.name = "updates";
      box.folded = true;
    } else if (box.order > 0 && options_.gradients == DotPart::kFolded) {
      box.name = gradients_title(box.order);
      box.folded = true;
    } else if (every_node) {
      box.name = node.name();
    } else {
      const std::string& base = base_forward_node(node).name();
      const std::string_view scope = name_levels(base, depth);
      const bool whole = scope.size() == base.size() || is_unfolded(base);
      box.name = whole ? base : std::string(scope);
      // All gradients of one forward node share a box.
      box.folded = !whole || box.order > 0;
    }
    return box;
  }

  DotBoxes result_with(int depth) const {
    DotBoxes result;
    result.every_node = depth == DotOptions::kEveryNode;
    result.box_of.assign(roles_.size(), -1);
    std::unordered_map<std::string, int> found;
    for (std::size_t id = 0; id < roles_.size(); ++id) {
      const Node& node = graph_.node(static_cast<int>(id));
      if (!selected_[id] || is_hidden(id, node, result.every_node)) continue;
      DotBox box = box_for(id, node, depth);
      const std::string key = fmt::format("{}{}:{}", box.is_update ? "u" : "", box.order, box.name);
      add_to_box(node, found.try_emplace(key, -1).first->second, std::move(box), result);
    }
    for (DotBox& box : result.boxes) {
      if (box.order == 0 || options_.gradients == DotPart::kFolded) continue;
      const Node* forward = graph_.node(box.nodes[0]).forward_node();
      // Once folded, gradients of every order are tied to the forward box.
      const Node& partner = result.every_node ? *forward : base_forward_node(*forward);
      box.mirrors = result.box_of[index_of(partner)];
    }
    add_outside(result, depth);
    return result;
  }

  // The node belongs to the box with this number; -1: to this new one.
  static void add_to_box(const Node& node, int& number, DotBox&& box, DotBoxes& result) {
    if (number < 0) {
      number = static_cast<int>(result.boxes.size());
      result.boxes.push_back(std::move(box));
    }
    result.boxes[static_cast<std::size_t>(number)].nodes.push_back(node.id());
    result.box_of[index_of(node)] = number;
  }

  // What the part uses from outside it.
  void add_outside(DotBoxes& result, int depth) const {
    std::map<std::pair<std::string, int>, int> found;
    const std::size_t count = result.boxes.size();
    for (std::size_t b = 0; b < count; ++b) {
      const std::vector<int> nodes = result.boxes[b].nodes;
      for (const int id : nodes) {
        for (const Output& input : graph_.node(id).inputs()) {
          const Node& node = input.node();
          const std::size_t from = index_of(node);
          if (selected_[from] || result.box_of[from] >= 0 || is_hidden(from, node, result.every_node)) continue;
          DotBox box = box_for(from, node, depth);
          box.outside = true;
          add_to_box(node, found.try_emplace({box.name, box.order}, -1).first->second, std::move(box), result);
        }
      }
    }
  }

  const Graph& graph_;
  const DotOptions& options_;
  const std::vector<NodeRole>& roles_;
  Selection selected_;
};

}  // namespace

std::string gradients_title(int order) {
  return order == 1 ? "gradients" : fmt::format("gradients of order {}", order);
}

DotBoxes dot_boxes(const Graph& graph, const DotOptions& options, const std::vector<NodeRole>& roles) {
  if (options.depth == 0 || options.depth < DotOptions::kAutomatic) {
    throw invalid_argument(
        fmt::format("to_dot: depth must be at least 1, or kAutomatic or kEveryNode; got {}", options.depth));
  }
  if (options.max_boxes < 1)
    throw invalid_argument(fmt::format("to_dot: max_boxes must be at least 1; got {}", options.max_boxes));
  return Boxes(graph, options, roles).run();
}

}  // namespace gradus
