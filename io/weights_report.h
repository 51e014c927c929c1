// The texts of load_weights(). Not for users.
#pragma once

#include <string>
#include <vector>

#include "gradus/io/weights.h"

namespace gradus::io {

// "float32 [3,3,1,8]"
std::string describe(DType dtype, const Shape& shape);
// "'a', 'b', 'c' and 12 more"
std::string listed(const std::vector<std::string>& names);
// Which weights are missing or differ, and what to do: nearest names, the rule for `names` that would find them, the options.
// `missing_in_file`: report.missing as they are called in the file.
std::string why_incomplete(const WeightsReport& report, const std::vector<std::string>& missing_in_file,
                           bool only_dtypes_differ);

}  // namespace gradus::io
