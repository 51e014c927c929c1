// The files that an op's results go to: checked before the op runs, and written all or none.
#pragma once

#include <string>
#include <vector>

#include "gradus/core/tensor.h"

namespace gradus::tools {

// Throws InvalidArgument for a path given twice, a directory, a device file, or a folder that does not exist or is
// not writable.
void check_output_paths(const std::vector<std::string>& paths);

// Writes every tensor beside its destination first and renames when all are complete, so that a failure (a full disk)
// leaves no half of the results behind.
void write_outputs(const std::vector<std::string>& paths, const std::vector<Tensor>& tensors);

}  // namespace gradus::tools
