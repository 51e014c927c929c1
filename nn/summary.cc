#include "gradus/nn/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <set>

#include "gradus/core/text_table.h"
#include "gradus/graph/graph_roles.h"

namespace gradus::nn {
namespace {

constexpr std::size_t kShownOps = 4;

class Summary {
 public:
  // `needed`: by node id, what the model consists of.
  Summary(const Graph& graph, const std::vector<bool>& needed) : graph_(graph), roles_(node_roles(graph)) {
    for (const Output& variable : graph.collection(kTrainableVariables)) trainable_.insert(variable.node().id());
    for (std::size_t id = 0; id < needed.size(); ++id) {
      const Node& n = node(id);
      const OpKind kind = n.def().kind;
      if (!needed[id] || roles_[id] != NodeRole::kForward || n.num_outputs() == 0 || kind == OpKind::kVariable ||
          kind == OpKind::kConstant)
        continue;
      nodes_.push_back(id);
      if (reads_variable(n) && !scope_of(n.name()).empty()) layer_scopes_.insert(std::string(scope_of(n.name())));
    }
  }

  ModelSummary run(bool with_others) {
    users_.resize(roles_.size());
    for (const std::size_t id : nodes_) {
      const auto [entry, is_new] = row_of_.try_emplace(row_name(node(id).name()), rows_.size());
      if (is_new) rows_.push_back({entry->first, {}});
      rows_[entry->second].nodes.push_back(id);
      row_of_node_[id] = entry->second;
      for (const Output& input : node(id).inputs()) users_[index(input.node())].push_back(id);
    }
    for (const Row& row : rows_) result_.layers.push_back(layer(row));
    count_variables(with_others);
    return std::move(result_);
  }

 private:
  struct Row {
    std::string name;
    std::vector<std::size_t> nodes;  // ids, ascending
  };
  const Node& node(std::size_t id) const { return graph_.node(static_cast<int>(id)); }
  static std::size_t index(const Node& node) { return static_cast<std::size_t>(node.id()); }
  static bool is_variable(const Node& node) { return node.def().kind == OpKind::kVariable; }
  static bool reads_variable(const Node& node) {
    return std::any_of(node.inputs().begin(), node.inputs().end(),
                       [](const Output& i) { return is_variable(i.node()); });
  }

  // The innermost scope that reads variables; else the outermost that has none within; else the node itself.
  std::string row_name(const std::string& name) const {
    for (std::string_view scope = scope_of(name); !scope.empty(); scope = scope_of(scope)) {
      if (layer_scopes_.contains(std::string(scope))) return std::string(scope);
    }
    const int levels = count_levels(name);
    for (int level = 1; level < levels; ++level) {
      std::string scope(name_levels(name, level));
      const auto inside = layer_scopes_.lower_bound(scope + "/");
      if (inside == layer_scopes_.end() || !is_in_scope(*inside, scope)) return scope;
    }
    return name;
  }

  LayerSummary layer(const Row& row) const {
    const std::size_t result = result_of(row.nodes);
    const auto& [dtype, shape] = node(result).output_info(0);
    return {.name = row.name, .type = type_of(row.nodes, result), .dtype = dtype, .output = shape};
  }

  // The last node that another row uses; without one the row's last, which nobody uses.
  std::size_t result_of(const std::vector<std::size_t>& nodes) const {
    const auto elsewhere = [&](std::size_t user) { return row_of_node_.at(user) != row_of_node_.at(nodes[0]); };
    const auto last = std::find_if(nodes.rbegin(), nodes.rend(), [&](std::size_t id) {
      return std::any_of(users_[id].begin(), users_[id].end(), elsewhere);
    });
    return last == nodes.rend() ? nodes.back() : *last;
  }

  // The ops from the row's inputs to its result; not those on variables alone (a regularisation).
  std::string type_of(const std::vector<std::size_t>& nodes, std::size_t last) const {
    std::set<std::size_t> on_way = {last};
    for (std::size_t i = nodes.size(); i-- > 0;) {
      if (!on_way.contains(nodes[i])) continue;
      for (const Output& input : node(nodes[i]).inputs()) on_way.insert(index(input.node()));
    }
    std::set<std::size_t> carries;
    std::vector<std::string> ops;
    for (const std::size_t id : nodes) {
      const auto& inputs = node(id).inputs();
      const bool from_data = inputs.empty() || std::any_of(inputs.begin(), inputs.end(), [&](const Output& input) {
                               const auto row = row_of_node_.find(index(input.node()));
                               if (row == row_of_node_.end()) return false;  // a variable or constant
                               return row->second != row_of_node_.at(id) || carries.contains(index(input.node()));
                             });
      if (!from_data) continue;
      carries.insert(id);
      if (on_way.contains(id) && std::find(ops.begin(), ops.end(), node(id).op()) == ops.end())
        ops.push_back(node(id).op());
    }
    if (ops.empty()) ops.push_back(node(last).op());
    const bool more = ops.size() > kShownOps;
    if (more) ops.resize(kShownOps);
    return fmt::format("{}{}", fmt::join(ops, ", "), more ? ", ..." : "");
  }

  // A variable counts where its scope is a layer, else at the first layer that reads it.
  void count_variables(bool with_others) {
    std::vector<LayerSummary>& layers = result_.layers;
    for (std::size_t id = 0; id < roles_.size(); ++id) {
      if (!is_variable(node(id))) continue;
      const TensorInfo& info = node(id).output_info(0);
      const std::int64_t elements = info.shape.num_elements();
      const std::size_t bytes = static_cast<std::size_t>(elements) * dtype_size(info.dtype);
      const auto own = row_of_.find(std::string(scope_of(node(id).name())));
      std::vector<std::size_t> rows;
      if (own != row_of_.end()) rows.push_back(own->second);
      for (const std::size_t reader : users_[id]) rows.push_back(row_of_node_.at(reader));
      if (rows.empty()) {
        if (with_others) ++result_.other_variables;
        if (with_others) result_.other_bytes += bytes;
        continue;
      }
      const bool trainable = trainable_.contains(static_cast<int>(id));
      (trainable ? layers[rows[0]].trainable : layers[rows[0]].not_trainable) += elements;
      (trainable ? result_.trainable : result_.not_trainable) += elements;
      (trainable ? result_.trainable_bytes : result_.not_trainable_bytes) += bytes;
      for (const std::size_t row : std::set<std::size_t>(rows.begin(), rows.end())) {
        if (row != rows[0]) layers[row].shared += elements;
      }
    }
  }

  const Graph& graph_;
  std::vector<NodeRole> roles_;
  std::set<int> trainable_;
  std::vector<std::size_t> nodes_;
  std::set<std::string> layer_scopes_;
  std::map<std::string, std::size_t> row_of_;
  std::map<std::size_t, std::size_t> row_of_node_;
  std::vector<Row> rows_;
  std::vector<std::vector<std::size_t>> users_;  // by node: those among nodes_ that read it
  ModelSummary result_;
};

}  // namespace

ModelSummary summary(const Graph& graph) {
  return Summary(graph, std::vector<bool>(static_cast<std::size_t>(graph.num_nodes()), true)).run(true);
}

ModelSummary summary(const Output& output) {
  if (!output.valid()) throw invalid_argument("nn::summary: the output refers to nothing: " + output.absence());
  const Graph& graph = output.graph();
  std::vector<bool> needed(static_cast<std::size_t>(graph.num_nodes()), false);
  needed[static_cast<std::size_t>(output.node().id())] = true;
  for (std::size_t id = needed.size(); id-- > 0;) {
    if (!needed[id]) continue;
    for (const Output& input : graph.node(static_cast<int>(id)).inputs()) {
      needed[static_cast<std::size_t>(input.node().id())] = true;
    }
  }
  return Summary(graph, needed).run(false);
}

std::string ModelSummary::to_string() const {
  TextTable table({"layer", "type", "output", ">parameters", ">not trainable", ">shared"});
  const auto number = [](std::int64_t n) { return n == 0 ? std::string() : with_commas(n); };
  for (const LayerSummary& layer : layers) {
    table.add({layer.name, layer.type, fmt::format("{} {}", dtype_name(layer.dtype), layer.output.to_string()),
               number(layer.trainable), number(layer.not_trainable), number(layer.shared)});
  }
  std::string text = table.to_string();
  text += fmt::format("\ntrainable: {} parameters, {}\n", with_commas(trainable), readable_bytes(trainable_bytes));
  text +=
      fmt::format("not trainable: {} parameters, {}", with_commas(not_trainable), readable_bytes(not_trainable_bytes));
  if (other_variables > 0) {
    text += fmt::format("\nslots of optimisers, counters, averages: {} variables, {}", with_commas(other_variables),
                        readable_bytes(other_bytes));
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const ModelSummary& summary) { return out << summary.to_string(); }

}  // namespace gradus::nn
