// Files of named tensors, read in part. Not for users; they call load_npz(), load_safetensors() and load_weights().
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gradus/core/error.h"
#include "gradus/core/function_ref.h"
#include "gradus/core/tensor.h"
#include "gradus/io/safetensors.h"

namespace gradus::io {

// The tensors whose names are wanted; the names of the others are appended to `others`. A tensor without counterpart here is
// Unimplemented only where it is wanted.
SafeTensors read_safetensors_if(const std::string& path, FunctionRef<bool(const std::string&)> wanted,
                                std::vector<std::string>* others);
std::map<std::string, Tensor> read_npz_if(const std::string& path, FunctionRef<bool(const std::string&)> wanted,
                                          std::vector<std::string>* others);

// NotFound, with the names that there are.
Error no_such_tensor(const std::string& path, const std::string& name, const std::vector<std::string>& others);

}  // namespace gradus::io
