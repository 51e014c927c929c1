#include "gradus/graph/run/saved_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "gradus/core/nearest_names.h"
#include "gradus/graph/node.h"

namespace gradus {

void check_names(const std::vector<Output>& variables, const std::map<std::string, Tensor>& state) {
  std::vector<std::string> here, saved, unknown, missing;
  for (const auto& entry : state) saved.push_back(entry.first);
  for (const Output& variable : variables) here.push_back(variable.node().name());
  std::sort(here.begin(), here.end());
  std::set_difference(saved.begin(), saved.end(), here.begin(), here.end(), std::back_inserter(unknown));
  std::set_difference(here.begin(), here.end(), saved.begin(), saved.end(), std::back_inserter(missing));
  const std::string cure =
      "; restore() takes the state of the same graph, optimiser and all. For the weights alone, of a graph that "
      "trains or only infers, use io::load_weights()";
  const auto others = [](const std::vector<std::string>& names) {
    return names.size() == 1 ? std::string() : fmt::format(" and {} more", names.size() - 1);
  };
  if (!unknown.empty()) {
    throw not_found(fmt::format("the saved state has a variable '{}'{} that this graph does not have{}{}", unknown[0],
                                others(unknown), did_you_mean(unknown[0], missing), cure));
  }
  if (!missing.empty()) {
    throw not_found(fmt::format("the saved state lacks the variable '{}'{}{}", missing[0], others(missing), cure));
  }
}

}  // namespace gradus
