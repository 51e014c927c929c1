// The JSON header of a safetensors file as plain data. Not for users.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gradus/core/dtype.h"

namespace gradus::io {

struct SafeTensorEntry {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // bytes from the end of the header
  std::uint64_t end = 0;
  std::string unsupported;  // why it has no counterpart here; empty when it has
};

struct SafeTensorsHeader {
  std::vector<SafeTensorEntry> entries;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
};

// Parses and checks a header whose data section has `data_bytes` bytes. Throws InvalidArgument with a text without file
// and offset, which the caller adds, for anything malformed.
SafeTensorsHeader parse_safetensors_header(const std::string& json, std::uint64_t data_bytes);
// Padded with spaces to a multiple of 8 bytes. Throws InvalidArgument for text that is not UTF-8.
std::string format_safetensors_header(const SafeTensorsHeader& header);

}  // namespace gradus::io
