// The names of a saved state and those of a graph's variables. Internal to graph/.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gradus/core/tensor.h"
#include "gradus/graph/output.h"

namespace gradus {

// Throws NotFound where one side has a name that the other has not, with the cure: the state is of another graph, such as the one that
// trains with an optimiser.
void check_names(const std::vector<Output>& variables, const std::map<std::string, Tensor>& state);

}  // namespace gradus
