// Names on the command line: of ops in any usual spelling, and of the options made from operand and attribute names.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/graph/op_registry.h"

namespace gradus::tools {

// "Conv2DBackpropInput", "conv2d_backprop_input", "conv2d-backprop-input" and the builder functions' names
// (reduce_sum, multiply) all name the same op. Throws NotFound with the nearest names.
const OpDef& find_op(std::string_view name);

// Builder function names that differ from the op's own name in more than spelling: {"reduce_sum", "Sum"}, ...
const std::vector<std::pair<std::string, std::string>>& op_aliases();

// "input_sizes" -> "--input-sizes"; "values..." -> "--values".
std::string option_name(std::string_view name);

// "values..." -> "values".
std::string without_dots(std::string_view name);

}  // namespace gradus::tools
