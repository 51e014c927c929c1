// Who asked for something that cannot be, as error texts name it: "[Relu 'act' at train.cc:31]".
#pragma once

#include <string>
#include <string_view>

#include "gradus/core/error.h"
#include "gradus/core/source_location.h"

namespace gradus {

// "train.cc:31": the file without its folders, and the line.
std::string file_and_line(SourceLocation location);

// A call of a builder function. Builders hand it to the helpers that check their arguments before there is a node.
struct Caller {
  std::string_view function;  // the op, or the function where there is no op of its name
  std::string_view name;      // the node's name as the user gave it; empty where it is that of the function
  SourceLocation location;

  std::string text() const;  // "[Relu 'act' at train.cc:31]"
  // Throws InvalidArgument: text() and the message.
  [[noreturn]] void fail(const std::string& message) const;
};

}  // namespace gradus
