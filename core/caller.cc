#include "gradus/core/caller.h"

namespace gradus {

std::string file_and_line(SourceLocation location) {
  const std::string_view path = location.file;
  return std::string(path.substr(path.find_last_of('/') + 1)) + ":" + std::to_string(location.line);
}

std::string Caller::text() const {
  return "[" + std::string(function) + " '" + std::string(name()) + "' at " + file_and_line(at.location) + "]";
}

void Caller::fail(const std::string& message) const { throw invalid_argument(text() + " " + message); }

}  // namespace gradus
