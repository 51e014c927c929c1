#include "gradus/graph/location_scope.h"

#include <optional>

namespace gradus {
namespace {

thread_local std::optional<SourceLocation> outermost_location;  // nullopt: no scope is alive

}  // namespace

LocationScope::LocationScope(SourceLocation location) : is_outermost_(!outermost_location) {
  if (is_outermost_) outermost_location = location;
}

LocationScope::~LocationScope() {
  if (is_outermost_) outermost_location.reset();
}

SourceLocation LocationScope::outermost(SourceLocation otherwise) { return outermost_location.value_or(otherwise); }

}  // namespace gradus
