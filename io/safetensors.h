// The safetensors format: a JSON header, then the tensors' bytes, little-endian and without gaps. Read and written by
// most frameworks, so weights travel. Definition: https://github.com/huggingface/safetensors#format
//
// dtypes: F16 BF16 F32 F64 I32 I64 U8 BOOL; others (I8, I16, U16, U32, U64, F8_*) are Unimplemented.
// Errors: NotFound, DataLoss (truncated, malformed, overlapping or out-of-range offsets, bytes that no tensor owns,
//   repeated keys; names file and offset), InvalidArgument (an undefined tensor, the reserved name __metadata__, names
//   or values that are not UTF-8), ResourceExhausted (disk full).
// All functions may be called from any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gradus/core/tensor.h"

namespace gradus::io {

struct SafeTensors {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

struct LoadSafeTensorsOptions {
  std::vector<std::string> names;  // read these tensors only; empty: all
};
// A tensor that cannot be read (another dtype) is an error unless `names` leaves it out. Throws NotFound for a name that the
// file lacks.
SafeTensors load_safetensors(const std::string& path, const LoadSafeTensorsOptions& options = {});

// Written to a temporary file in the same directory, flushed to the disk and renamed: after a crash at any moment,
// `path` holds either what it held before or all of this.
void save_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace gradus::io
