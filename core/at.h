// The last argument of every builder function: what the new node is called, and the line of the user's program that asks for it.
#pragma once

#include <concepts>
#include <string_view>

#include "gradus/core/source_location.h"

namespace gradus {

// Made from a name, `relu(x, "act")`, or from nothing, `relu(x)`; the line is that of the call (under clang++ of the name, where a call
// is spread over lines). Lives as long as the call: the name is not copied.
struct At {
  At(SourceLocation line = SourceLocation::current()) : location(line) {}  // NOLINT: implicit by design
  template <class Name>
  requires std::convertible_to<const Name&, std::string_view> At(  // NOLINT: implicit by design
      const Name& text, SourceLocation line = SourceLocation::current())
      : name(text), location(line) {}

  std::string_view name = {};  // empty: the op's name
  SourceLocation location;
};

}  // namespace gradus
