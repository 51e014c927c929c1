// The user's line for builders that are made of other builders. A layer adds a dozen nodes, from this library's files; in errors
// and in explain() they should point at the line of the user's program that asked for the layer.
#pragma once

#include "gradus/core/source_location.h"

namespace gradus {

// While alive, every node that this thread adds takes `location` as its file and line, whichever builder adds it. The outermost
// scope counts: a model's line, not that of a layer inside it.
class LocationScope {
 public:
  explicit LocationScope(SourceLocation location);
  ~LocationScope();
  LocationScope(const LocationScope&) = delete;
  LocationScope& operator=(const LocationScope&) = delete;

  // The location of the outermost scope of this thread, `otherwise` without one.
  static SourceLocation outermost(SourceLocation otherwise);

 private:
  bool is_outermost_;
};

}  // namespace gradus
