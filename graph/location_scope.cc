#include "gradus/graph/location_scope.h"

namespace gradus {
namespace {

thread_local const char* outermost_file = nullptr;  // nullptr: no scope is alive
thread_local int outermost_line = 0;

}  // namespace

LocationScope::LocationScope(SourceLocation location) : is_outermost_(outermost_file == nullptr) {
  if (!is_outermost_) return;
  outermost_file = location.file;
  outermost_line = location.line;
}

LocationScope::~LocationScope() {
  if (is_outermost_) outermost_file = nullptr;
}

SourceLocation LocationScope::outermost(SourceLocation otherwise) {
  return outermost_file == nullptr ? otherwise : SourceLocation{outermost_file, outermost_line};
}

}  // namespace gradus
