#include "gradus/io/weight_names.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "gradus/core/nearest_names.h"
#include "gradus/core/printable.h"
#include "gradus/graph/collections.h"

namespace gradus::io {
namespace {

bool is_prefix_key(const std::string& key) { return key.empty() || key.back() == '/'; }

bool fits(const std::string& key, const std::string& name) {
  return is_prefix_key(key) ? name.starts_with(key) : name == key;
}

std::string file_name_of(const std::string& name, const WeightNames& names) {
  const std::pair<const std::string, std::string>* best = nullptr;
  for (const auto& rule : names) {
    if (fits(rule.first, name) && (best == nullptr || rule.first.size() >= best->first.size())) best = &rule;
  }
  if (best == nullptr) return name;
  return is_prefix_key(best->first) ? best->second + name.substr(best->first.size()) : best->second;
}

// Trainable variables and the model's others, by their place in the graph.
std::vector<Output> model_variables(const Graph& graph) {
  std::map<int, Output> by_id;
  for (const char* collection : {kTrainableVariables, kModelVariables}) {
    for (const Output& variable : graph.collection(collection)) by_id.emplace(variable.node().id(), variable);
  }
  std::vector<Output> variables;
  for (const auto& [id, variable] : by_id) variables.push_back(variable);
  return variables;
}

// As ExponentialMovingAverage and the graph name the first, second, ... average of a variable.
std::string average_suffix(int number) {
  return number == 0 ? kAverageSuffix : fmt::format("{}_{}", kAverageSuffix, number);
}

// "conv1/, conv2/, logits/"
std::string beginnings(const std::vector<Output>& variables) {
  std::set<std::string> seen;
  for (const Output& v : variables) seen.insert(v.name().substr(0, v.name().find('/') + 1));
  seen.erase("");
  return printable(fmt::format("{}", fmt::join(seen, ", ")), 300);
}

}  // namespace

std::vector<Weight> weights_of(const Graph& graph, const std::string& path, const std::string& prefix,
                               const WeightNames& names) {
  const std::vector<Output> variables = model_variables(graph);
  if (variables.empty()) {
    throw invalid_argument(in_file(path) +
                           "the graph has no weights: no trainable variables, none in the collection kModelVariables "
                           "(build the model before)");
  }
  std::vector<Weight> weights;
  std::set<std::string> used;
  for (const Output& variable : variables) {
    if (!variable.name().starts_with(prefix)) continue;
    for (const auto& rule : names) {
      if (fits(rule.first, variable.name())) used.insert(rule.first);
    }
    const std::string file_name = file_name_of(variable.name(), names);
    weights.push_back({variable, variable.name(), file_name, std::nullopt});
    // "NAME/average", wherever the average's node is.
    int number = 0;
    for (const Output& average : graph.collection(moving_averages_of(variable))) {
      weights.push_back({average, average.name(), file_name + average_suffix(number++), variable});
    }
  }
  if (weights.empty()) {
    throw invalid_argument(fmt::format("{}no weight's name begins with '{}'; they begin with {}", in_file(path), prefix,
                                       beginnings(variables)));
  }
  std::vector<std::string> known;
  for (const Weight& weight : weights) known.push_back(weight.name);
  for (const auto& rule : names) {
    if (used.contains(rule.first)) continue;
    throw invalid_argument(
        fmt::format("{}the entry {{\"{}\", \"{}\"}} of `names` fits no weight{} (a key is a name, or a beginning that "
                    "ends in '/')",
                    in_file(path), rule.first, rule.second, did_you_mean(rule.first, known)));
  }
  return weights;
}

std::optional<NameRule> guess_rule(const std::vector<std::string>& missing, const std::vector<std::string>& in_file) {
  if (missing.empty()) return std::nullopt;
  const std::set<std::string> known(in_file.begin(), in_file.end());
  std::optional<NameRule> best;
  // Beginnings up to a '/', "" included, of the first missing name, and of each name in the file that ends like it.
  const std::string& first = missing[0];
  for (std::size_t cut = 0; cut != std::string::npos;
       cut = first.find('/', cut) == std::string::npos ? std::string::npos : first.find('/', cut) + 1) {
    const std::string ending = first.substr(cut);
    for (const std::string& candidate : in_file) {
      if (!candidate.ends_with(ending)) continue;
      NameRule rule{first.substr(0, cut), candidate.substr(0, candidate.size() - ending.size()), 0};
      if (!is_prefix_key(rule.file_prefix)) continue;
      for (const std::string& name : missing) {
        if (name.starts_with(rule.graph_prefix) &&
            known.contains(rule.file_prefix + name.substr(rule.graph_prefix.size()))) {
          ++rule.found;
        }
      }
      if (!best || rule.found > best->found) best = rule;
    }
  }
  return best;
}

}  // namespace gradus::io
