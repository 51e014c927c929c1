// Files of named tensors, read in part. Not for users; they call load_npz(), load_safetensors() and load_weights().
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gradus/core/tensor.h"
#include "gradus/io/safetensors.h"

namespace gradus::io {

// Those of the tensors that are among `names` (all, where that is empty); the names of the others are appended to `others`. A
// tensor without counterpart here is Unimplemented only where it is read.
SafeTensors read_safetensors(const std::string& path, const std::set<std::string>& names,
                             std::vector<std::string>* others);
std::map<std::string, Tensor> read_npz(const std::string& path, const std::set<std::string>& names,
                                       std::vector<std::string>* others);

// Throws NotFound, with the names that there are, unless all `names` are among the tensors that were read.
void check_all_read(const std::string& path, const std::set<std::string>& names,
                    const std::map<std::string, Tensor>& tensors, const std::vector<std::string>& others);

}  // namespace gradus::io
