#include "gradus/graph/graph_dot.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/graph/constant_attrs.h"

namespace gradus {
namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

// 0 for forward nodes, 1 for gradients, 2 for gradients of those, ...
int order_of(const Node& node) {
  int order = 0;
  for (const Node* n = node.forward_node(); n != nullptr; n = n->forward_node()) ++order;
  return order;
}

std::string info(const TensorInfo& output) {
  return fmt::format("{} {}", dtype_name(output.dtype), output.shape.to_string());
}

const char* style(const Node& node) {
  switch (node.def().kind) {
    case OpKind::kPlaceholder: return "shape=ellipse, fillcolor=\"#d6e8fa\"";
    case OpKind::kVariable: return "shape=ellipse, fillcolor=\"#fbe3b9\"";
    case OpKind::kConstant: return "shape=plain, style=\"\", fontcolor=\"#666666\"";
    case OpKind::kNoOp: return "shape=box, fillcolor=\"#eeeeee\"";
    default:
      return node.def().effect == Effect::kNone ? "shape=box, fillcolor=white" : "shape=box, fillcolor=\"#f6d5d5\"";
  }
}

class Writer {
 public:
  Writer(const Graph& graph, const DotOptions& options) : graph_(graph), options_(options) {
    for (int id = 0; id < graph.num_nodes(); ++id) {
      const Node& node = graph.node(id);
      orders_.push_back(order_of(node));
      drawn_.push_back(options.constants || node.def().kind != OpKind::kConstant);
    }
  }

  std::string write() {
    text_ =
        "digraph gradus {\n  rankdir=TB;\n  newrank=true;\n  fontname=\"sans-serif\";\n"
        "  node [fontname=\"sans-serif\", fontsize=10, style=filled];\n  edge [fontname=\"sans-serif\", fontsize=9];\n";
    const int highest = orders_.empty() ? 0 : *std::max_element(orders_.begin(), orders_.end());
    for (int order = 0; order <= highest; ++order) write_cluster(order);
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      if (drawn_[static_cast<std::size_t>(id)]) write_edges(graph_.node(id));
    }
    return text_ + "}\n";
  }

 private:
  bool drawn(const Node& node) const { return drawn_[static_cast<std::size_t>(node.id())]; }
  int order(const Node& node) const { return orders_[static_cast<std::size_t>(node.id())]; }

  void write_cluster(int wanted) {
    const std::string title = wanted == 0   ? "forward"
                              : wanted == 1 ? "gradients"
                                            : fmt::format("gradients of order {}", wanted);
    text_ += fmt::format("  subgraph cluster_{} {{\n    label=\"{}\";\n    style=rounded;\n    color=\"#999999\";\n",
                         wanted, title);
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      const Node& node = graph_.node(id);
      if (order(node) == wanted && drawn(node))
        text_ += fmt::format("    n{} [label={}, {}];\n", id, quoted(label(node)), style(node));
    }
    text_ += "  }\n";
  }

  std::string label(const Node& node) const {
    if (node.def().kind == OpKind::kConstant) return constant_label(node);
    std::string text = node.name() == node.op() ? node.op() : node.name() + "\n" + node.op();
    if (options_.shapes) {
      for (int i = 0; i < node.num_outputs(); ++i) text += "\n" + info(node.output_info(i));
    }
    if (!node.device().empty()) text += "\n" + node.device();
    return text;
  }

  // Small numbers say more than a name.
  std::string constant_label(const Node& node) const {
    const Tensor& value = node.attrs_as<ConstantAttrs>().value;
    if (value.shape().rank() > 1 || value.num_elements() > 8) return node.name() + "\n" + info(node.output_info(0));
    std::string text;
    for (std::int64_t i = 0; i < value.num_elements(); ++i) text += (i == 0 ? "" : ", ") + value.element_to_string(i);
    return value.shape().rank() == 0 ? text : "[" + text + "]";
  }

  void write_edges(const Node& node) {
    for (const Output& input : node.inputs()) {
      if (drawn(input.node()))
        write_edge(input.node(), node, input.index() == 0 ? "" : fmt::format("label=\"{}\", ", input.index()));
    }
    for (const Node* control : node.control_inputs()) {
      if (drawn(*control)) write_edge(*control, node, "style=dotted, ");
    }
    const Node* forward = node.forward_node();
    const bool computes = node.def().kind != OpKind::kConstant;
    if (options_.forward_links && computes && forward != nullptr && drawn(*forward)) {
      text_ += fmt::format("  n{} -> n{} [style=dashed, color=\"#7a9cc6\", arrowhead=none, constraint=false];\n",
                           node.id(), forward->id());
    }
  }

  // Gradients flow against the forward direction: drawing their edges upwards puts each beside its forward node. Edges between
  // boxes do not take part in the ranking.
  void write_edge(const Node& from, const Node& to, const std::string& extra) {
    if (order(from) != order(to)) {
      text_ += fmt::format("  n{} -> n{} [{}constraint=false, color=\"#bbbbbb\"];\n", from.id(), to.id(), extra);
    } else if (order(to) % 2 == 1) {
      text_ += fmt::format("  n{} -> n{} [{}dir=back];\n", to.id(), from.id(), extra);
    } else {
      text_ += fmt::format("  n{} -> n{} [{}color=black];\n", from.id(), to.id(), extra);
    }
  }

  const Graph& graph_;
  const DotOptions& options_;
  std::vector<int> orders_;
  std::vector<bool> drawn_;
  std::string text_;
};

}  // namespace

std::string to_dot(const Graph& graph, const DotOptions& options) { return Writer(graph, options).write(); }

}  // namespace gradus
