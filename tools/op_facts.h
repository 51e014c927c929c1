// What is known of an op from the registries and the case tables: the coverage that `gradus ops` prints.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/graph/op_registry.h"
#include "tools/attr_text.h"

namespace gradus::tools {

struct OpFacts {
  const OpDef* def = nullptr;
  std::vector<AttrInfo> attrs;
  std::map<std::string, std::vector<DType>> kernels;  // by device type; an op without kernel (a source) has none
  bool has_gradient = false;
  std::string none_reason;           // why it has no gradient; "" with has_gradient false means: forgotten
  int cases = 0;                     // test cases in the case tables
  int max_order = 0;                 // highest order of gradient that they check
  std::vector<std::string> layouts;  // of ops with a data_format
  std::string page;                  // "docs/ops/conv2d.md"; "" when no page has a section on it
  std::string section;               // that section, from "## Conv2D" on
};

OpFacts op_facts(const OpDef& def);

// The device types that have kernels in this build, in order of registration.
std::vector<std::string> device_types();

}  // namespace gradus::tools
