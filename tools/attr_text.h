// Attributes as text: what fields an op's attribute struct has, and the struct from `--field value` pairs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/core/attrs.h"

namespace gradus::tools {

struct AttrInfo {
  std::string name;
  std::string doc;
  std::string type;          // "bool", "integer", "integers", "number", "text", "dtype", "shape", "tensor", "name"
  std::string default_text;  // "1,1,1,1"; "" for an empty list
  std::vector<std::string> values;  // the names that an enum field accepts
};

// Every field, in the order of the struct.
std::vector<AttrInfo> describe_attrs(const Attrs& attrs);

// `defaults` with the named fields replaced. Throws InvalidArgument: `--padding takes SAME, VALID or EXPLICIT; got
// 'SANE'`.
Attrs parse_attrs(const Attrs& defaults, const std::map<std::string, std::string>& texts);

// "1, -2,3", with or without brackets. Returns false when the text is anything else (or a number exceeds 64 bits).
bool parse_integers(std::string_view text, std::vector<std::int64_t>* values);

// An operand's or a tensor attribute's value: a .npy file, or a comma list of integers (an int32 vector). `option` is
// for the error texts. Throws InvalidArgument, NotFound, or what load_npy throws.
Tensor parse_tensor(const std::string& option, const std::string& text);

}  // namespace gradus::tools
