// Which variables of a graph are its weights, and what they are called in a file. Not for users.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gradus/graph/graph.h"
#include "gradus/io/weights.h"

namespace gradus::io {

// Of a variable's moving average in a file: "conv1/kernel/average".
inline constexpr const char* kAverageSuffix = "/average";

// "PATH: " in front of a text about a file; "" for tensors in memory, which have no path.
inline std::string in_file(const std::string& path) { return path.empty() ? "" : path + ": "; }

struct Weight {
  Output variable;
  std::string name;  // of the variable
  std::string file_name;
  std::optional<Output> average_of;  // set for a moving average: the variable whose average it is
};

// The weights of the graph whose names begin with `prefix`, in the order in which they were made, each moving average behind its
// variable. Throws InvalidArgument, with `path` in front, when there are none, and for a key of `names` that fits none.
std::vector<Weight> weights_of(const Graph& graph, const std::string& path, const std::string& prefix,
                               const WeightNames& names);

// The rule {in the graph, in the file} that would find most of the `missing` names among those of the file, and how many; nothing
// when there is none.
struct NameRule {
  std::string graph_prefix, file_prefix;
  std::size_t found = 0;
};
std::optional<NameRule> guess_rule(const std::vector<std::string>& missing, const std::vector<std::string>& in_file);

}  // namespace gradus::io
