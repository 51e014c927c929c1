// The pages of docs/ops, compiled into the program.
#pragma once

#include <string_view>
#include <vector>

namespace gradus::tools {

struct OpPage {
  std::string_view path;  // "docs/ops/conv2d.md"
  std::string_view text;
};

const std::vector<OpPage>& op_pages();

}  // namespace gradus::tools
