// The user's file and line, captured as a default argument. std::source_location would do, but clang 14 does not have it.
#pragma once

#include "gradus/core/language.h"

namespace gradus {

struct SourceLocation {
  const char* file = "";
  int line = 0;

  // As a default argument this names the place of the call, in g++ and clang++ alike.
  static constexpr SourceLocation current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

}  // namespace gradus
