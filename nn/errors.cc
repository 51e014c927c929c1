#include "gradus/nn/errors.h"

#include <fmt/format.h>

namespace gradus::nn {

void fail(std::string_view function, std::string_view name, SourceLocation location, const std::string& message) {
  const std::string_view file = location.file;
  throw invalid_argument(fmt::format("[nn::{} '{}' at {}:{}] {}", function, name,
                                     file.substr(file.find_last_of('/') + 1), location.line, message));
}

}  // namespace gradus::nn
