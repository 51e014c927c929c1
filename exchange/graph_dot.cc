#include "gradus/exchange/graph_dot.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "gradus/core/tensor_text.h"
#include "gradus/core/text_table.h"
#include "gradus/exchange/dot_boxes.h"
#include "gradus/graph/constant_attrs.h"

namespace gradus {
namespace {

constexpr const char* kForwardColor = "#ffffff";
constexpr const char* kGradientColor = "#e3efdc";
constexpr const char* kUpdateColor = "#f6d5d5";
constexpr const char* kRandomColor = "#e6dcf2";
constexpr std::size_t kLabelWidth = 32;  // characters, of the ops in a folded box

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '\n') result += '\\';
    result += c == '\n' ? 'n' : c;
  }
  return result + "\"";
}

class Writer {
 public:
  Writer(const Graph& graph, const DotOptions& options, const std::vector<NodeRole>& roles)
      : graph_(graph), options_(options), boxes_(dot_boxes(graph, options, roles)) {
    for (const Output& variable : graph.collection(kTrainableVariables)) trainable_.insert(variable.node().id());
    used_outside_.assign(static_cast<std::size_t>(graph.num_nodes()), false);
    has_users_ = used_outside_;
    for (int id = 0; id < graph.num_nodes(); ++id) {
      const Node& node = graph.node(id);
      // Gradients and updates use all kinds of inner results.
      if (roles[static_cast<std::size_t>(id)] != NodeRole::kForward) continue;
      for (const Output& input : node.inputs()) {
        const auto from = static_cast<std::size_t>(input.node().id());
        has_users_[from] = true;
        if (box_of(node) != box_of(input.node())) used_outside_[from] = true;
      }
    }
  }

  std::string write() {
    text_ =
        "digraph gradus {\n  rankdir=TB;\n  newrank=true;\n  compound=true;\n  fontname=\"sans-serif\";\n"
        "  node [fontname=\"sans-serif\", fontsize=10, style=filled];\n  edge [fontname=\"sans-serif\", fontsize=9];\n";
    int highest = 0;
    for (const DotBox& box : boxes_.boxes) highest = std::max(highest, box.order);
    for (int order = 0; order <= highest; ++order) write_cluster(order, false);
    write_cluster(0, true);
    if (!boxes_.every_node) write_ranks();
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      if (const int to = box_of(graph_.node(id)); to >= 0 && !box(to).outside) write_edges(graph_.node(id));
    }
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      if (const int to = box_of(graph_.node(id)); to >= 0 && !box(to).outside) write_shared_weights(graph_.node(id));
    }
    write_edges_into_parts();
    if (options_.forward_links) write_forward_links();
    return text_ + "}\n";
  }

 private:
  const DotBox& box(int i) const { return boxes_.boxes[static_cast<std::size_t>(i)]; }
  int box_of(const Node& node) const { return boxes_.box_of[static_cast<std::size_t>(node.id())]; }
  // Boxes are called after their first node.
  std::string id_of(int i) const { return fmt::format("n{}", box(i).nodes[0]); }

  void write_cluster(int order, bool updates) {
    std::string inside;
    for (int i = 0; i < static_cast<int>(boxes_.boxes.size()); ++i) {
      const DotBox& b = box(i);
      if (b.order != order || b.is_update != updates) continue;
      inside +=
          fmt::format("    {} [label={}, {}, tooltip={}];\n", id_of(i), quoted(label(b)), style(b), quoted(b.name));
    }
    if (inside.empty() && (order > 0 || updates)) return;
    const std::string title = updates ? "updates" : order == 0 ? "forward" : gradients_title(order);
    text_ +=
        fmt::format("  subgraph cluster_{} {{\n    label=\"{}\";\n    style=rounded;\n    color=\"#999999\";\n{}  }}\n",
                    updates ? "updates" : std::to_string(order), title, inside);
  }

  const char* color(const DotBox& b) const {
    return b.is_update ? kUpdateColor : b.order > 0 ? kGradientColor : kForwardColor;
  }

  std::string style(const DotBox& b) const {
    if (b.outside) return "shape=plain, style=\"\", fontcolor=\"#888888\"";
    if (b.folded) return fmt::format("shape=box, style=\"filled,rounded\", fillcolor=\"{}\"", color(b));
    const Node& node = graph_.node(b.nodes[0]);
    switch (node.def().kind) {
      case OpKind::kPlaceholder: return "shape=ellipse, fillcolor=\"#d6e8fa\"";
      case OpKind::kVariable: return "shape=ellipse, fillcolor=\"#fbe3b9\"";
      case OpKind::kConstant: return "shape=plain, style=\"\", fontcolor=\"#666666\"";
      case OpKind::kNoOp: return "shape=box, fillcolor=\"#eeeeee\"";
      default: break;
    }
    const char* fill = node.def().effect == Effect::kNone     ? color(b)
                       : node.def().effect == Effect::kRandom ? kRandomColor
                                                              : kUpdateColor;
    return fmt::format("shape=box, fillcolor=\"{}\"", fill);
  }

  std::string label(const DotBox& b) const {
    if (b.outside) return b.name;
    return b.folded ? folded_label(b) : node_label(graph_.node(b.nodes[0]));
  }

  std::string node_label(const Node& node) const {
    if (node.def().kind == OpKind::kConstant) return constant_label(node);
    std::string text = is_named_after_op(node) ? node.name() : node.name() + "\n" + node.op();
    if (options_.shapes) {
      // Where much is folded, the further results of batch norm and losses with their gradients only take room.
      const int shown = boxes_.every_node ? node.num_outputs() : std::min(node.num_outputs(), 1);
      for (int i = 0; i < shown; ++i) text += "\n" + type_text(node.output_info(i));
    }
    if (!node.device().empty()) text += "\n" + node.device();
    return text;
  }

  // Small numbers say more than a name.
  static std::string constant_label(const Node& node) {
    const Tensor& value = node.attrs_as<ConstantAttrs>().value;
    if (value.shape().rank() > 1 || value.num_elements() > 8)
      return node.name() + "\n" + type_text(node.output_info(0));
    std::string text;
    for (std::int64_t i = 0; i < value.num_elements(); ++i) text += (i == 0 ? "" : ", ") + value.element_to_string(i);
    return value.shape().rank() == 0 ? text : "[" + text + "]";
  }

  // Name, ops, result, trainable parameters.
  std::string folded_label(const DotBox& b) const {
    std::string text = b.name;
    if (const std::string ops = ops_text(b); !ops.empty()) text += "\n" + ops;
    if (b.order == 0 && !b.is_update && options_.shapes) {
      if (const Node* node = result_of(b)) text += "\n" + type_text(node->output_info(0));
    }
    std::int64_t parameters = 0, variables = 0;
    for (const int id : b.nodes) {
      const Node& node = graph_.node(id);
      if (node.def().kind == OpKind::kVariable) ++variables;
      if (trainable_.contains(id)) parameters += node.output_info(0).shape.num_elements();
    }
    if (b.is_update && variables > 0) text += fmt::format("\n{} variable{}", variables, variables == 1 ? "" : "s");
    if (parameters > 0) text += fmt::format("\n{} parameters", with_commas(parameters));
    return text;
  }

  // The last node that the rest of the model uses, or that nobody uses.
  const Node* result_of(const DotBox& b) const {
    for (const bool used : {true, false}) {
      for (std::size_t i = b.nodes.size(); i-- > 0;) {
        const auto id = static_cast<std::size_t>(b.nodes[i]);
        const Node& node = graph_.node(b.nodes[i]);
        if (node.num_outputs() > 0 && node.def().kind != OpKind::kVariable &&
            (used ? used_outside_[id] : !has_users_[id]))
          return &node;
      }
    }
    return nullptr;
  }

  // The nodes of a folded box that tell what it does: of updates those that overwrite variables, of a layer those that its input
  // passes through, of gradients those on real numbers; not the shapes and counts beside them. All, where that leaves none.
  std::vector<const Node*> telling_nodes(const DotBox& b) const {
    std::vector<const Node*> result, others;
    std::set<int> telling;
    const Node* last = b.order == 0 && !b.is_update ? result_of(b) : nullptr;
    std::set<int> on_way;  // to the layer's result; not what only updates use
    if (last != nullptr) on_way.insert(last->id());
    for (std::size_t i = b.nodes.size(); i-- > 0 && last != nullptr;) {
      if (!on_way.contains(b.nodes[i])) continue;
      for (const Output& input : graph_.node(b.nodes[i]).inputs()) on_way.insert(input.node().id());
    }
    for (const int id : b.nodes) {
      const Node& node = graph_.node(id);
      if (last != nullptr && !on_way.contains(id)) continue;
      const OpKind kind = node.def().kind;
      if (kind == OpKind::kVariable || kind == OpKind::kConstant || kind == OpKind::kNoOp) continue;
      others.push_back(&node);
      if (!tells(b, node, telling)) continue;
      telling.insert(id);
      result.push_back(&node);
    }
    return result.empty() ? others : result;
  }

  bool tells(const DotBox& b, const Node& node, const std::set<int>& telling) const {
    if (b.is_update) return node.def().effect == Effect::kMutates;
    if (node.def().kind == OpKind::kPlaceholder) return true;
    if (b.order > 0 && !is_floating(node.output_info(0).dtype)) return false;
    return std::any_of(node.inputs().begin(), node.inputs().end(), [&](const Output& input) {
      const Node& from = input.node();
      const bool constant = from.def().kind == OpKind::kConstant;
      if (b.order > 0 && !is_floating(input.dtype())) return false;
      if (b.order > 0 && constant) return from.forward_node() != nullptr;  // the gradient of the loss itself is 1
      if (constant || from.def().kind == OpKind::kVariable) return false;
      return box_of(from) != box_of(node) || telling.contains(from.id());
    });
  }

  // "2 Conv2D, 2 FusedBatchNorm, Relu, ..." in the order in which they come, over several lines.
  std::string ops_text(const DotBox& b) const {
    std::vector<std::pair<std::string, int>> ops;
    for (const Node* node : telling_nodes(b)) {
      auto found = std::find_if(ops.begin(), ops.end(), [&](const auto& op) { return op.first == node->op(); });
      if (found == ops.end()) found = ops.insert(found, {node->op(), 0});
      ++found->second;
    }
    std::string text;
    std::size_t width = 0;
    for (const auto& [op, count] : ops) {
      const std::string word = count == 1 ? op : fmt::format("{} {}", count, op);
      const bool fits = width + word.size() <= kLabelWidth;
      if (!text.empty()) text += fits ? ", " : ",\n";
      text += word;
      width = (fits ? width : 0) + word.size() + 2;
    }
    return text;
  }

  // Puts each box of gradients beside its forward box.
  void write_ranks() {
    for (int i = 0; i < static_cast<int>(boxes_.boxes.size()); ++i) {
      if (box(i).mirrors >= 0) text_ += fmt::format("  {{rank=same; {}; {};}}\n", id_of(box(i).mirrors), id_of(i));
    }
  }

  // A variable that was made in another folded box, such as that of the layer whose weights this one uses as well.
  bool is_shared_weight(const Output& input, const Node& node) const {
    const int from = box_of(input.node()), to = box_of(node);
    return from >= 0 && from != to && !boxes_.every_node && input.node().def().kind == OpKind::kVariable &&
           box(from).folded && box(from).order == 0 && box(to).order == 0 && !box(to).is_update;
  }
  void write_shared_weights(const Node& node) {
    for (const Output& input : node.inputs()) {
      if (is_shared_weight(input, node))
        write_edge(box_of(input.node()), box_of(node), "style=dashed, label=\"weights\", ");
    }
  }

  void write_edges(const Node& node) {
    for (std::size_t i = 0; i < node.inputs().size(); ++i) {
      const Output& input = node.inputs()[i];
      if (is_shared_weight(input, node)) continue;
      const bool tell_index = boxes_.every_node && input.index() > 0;
      write_edge(box_of(input.node()), box_of(node), tell_index ? fmt::format("label=\"{}\", ", input.index()) : "");
    }
    for (const Node* control : node.control_inputs()) write_edge(box_of(*control), box_of(node), "style=dotted, ");
  }

  // Gradients flow against the forward direction: drawing their edges upwards puts each beside its forward node. Edges between
  // clusters do not take part in the ranking.
  void write_edge(int from, int to, const std::string& extra) {
    if (from < 0 || from == to) return;
    const DotBox &a = box(from), &b = box(to);
    if (is_whole_part(b) && (a.order != b.order || a.is_update != b.is_update)) {
      // One edge stands for all: see write_edges_into_parts.
      const auto [entry, is_new] = into_parts_.try_emplace(to, from);
      const DotBox& last = box(entry->second);
      if (std::pair(a.order, a.nodes[0]) > std::pair(last.order, last.nodes[0])) entry->second = from;
      return;
    }
    if (!boxes_.every_node) {
      if (!drawn_.emplace(from, to).second) return;
      if (options_.forward_links && is_implied(a, from, b)) return;
    }
    if (a.order != b.order || a.is_update != b.is_update) {
      text_ += fmt::format("  {} -> {} [{}constraint=false, color=\"#bbbbbb\"];\n", id_of(from), id_of(to), extra);
    } else if (b.order % 2 == 1) {
      text_ += fmt::format("  {} -> {} [{}dir=back];\n", id_of(to), id_of(from), extra);
    } else {
      text_ += fmt::format("  {} -> {} [{}color=black];\n", id_of(from), id_of(to), extra);
    }
  }

  // A box into which all gradients, or all updates, are folded.
  bool is_whole_part(const DotBox& b) const {
    return (b.is_update && options_.updates == DotPart::kFolded) ||
           (b.order > 0 && options_.gradients == DotPart::kFolded);
  }

  // From a whole cluster to such a box: an edge from each layer would hide the picture. It starts at the box of the highest order
  // that was made last, which among gradients is that of the first layer.
  void write_edges_into_parts() {
    for (const auto& [to, from] : into_parts_) {
      text_ +=
          fmt::format("  {{rank=same; {}; {};}}\n  {} -> {} [ltail=cluster_{}, constraint=false, color=\"#777777\"];\n",
                      id_of(from), id_of(to), id_of(from), id_of(to),
                      box(from).is_update ? "updates" : std::to_string(box(from).order));
    }
  }

  // In a folded picture the dashed line also stands for the values that a layer's gradients take from the layer and its inputs.
  bool is_implied(const DotBox& a, int from, const DotBox& b) const {
    if (a.order >= b.order || b.mirrors < 0) return false;
    if (from == b.mirrors) return true;
    for (const int id : box(b.mirrors).nodes) {
      for (const Output& input : graph_.node(id).inputs()) {
        if (box_of(input.node()) == from) return true;
      }
    }
    return false;
  }

  void write_forward_links() {
    for (int i = 0; i < static_cast<int>(boxes_.boxes.size()); ++i) {
      const DotBox& b = box(i);
      if (b.mirrors < 0 || (!b.folded && graph_.node(b.nodes[0]).def().kind == OpKind::kConstant)) continue;
      text_ += fmt::format("  {} -> {} [style=dashed, color=\"#7a9cc6\", arrowhead=none, constraint=false];\n",
                           id_of(i), id_of(b.mirrors));
    }
  }

  const Graph& graph_;
  const DotOptions& options_;
  DotBoxes boxes_;
  std::set<int> trainable_;
  std::vector<bool> used_outside_;  // by a forward node of another box
  std::vector<bool> has_users_;
  std::map<int, int> into_parts_;  // box into which a part is folded -> where its edge starts
  std::set<std::pair<int, int>> drawn_;
  std::string text_;
};

}  // namespace

std::string to_dot(const Graph& graph, const DotOptions& options) {
  return Writer(graph, options, node_roles(graph)).write();
}

}  // namespace gradus
