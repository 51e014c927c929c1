// Who asked for something that cannot be, as error texts name it: "[Relu 'act' at train.cc:31]".
#pragma once

#include <string>
#include <string_view>

#include "gradus/core/at.h"
#include "gradus/core/error.h"

namespace gradus {

// "train.cc:31": the file without its folders, and the line.
std::string file_and_line(SourceLocation location);

// A call of a builder function. Builders hand it to the helpers that check their arguments before there is a node.
struct Caller {
  Caller(std::string_view op_or_function, At call) : function(op_or_function), at(call) {}
  Caller(std::string_view op_or_function, std::string_view name, SourceLocation line)
      : Caller(op_or_function, At(name, line)) {}

  std::string_view function;  // the op, or the function where there is no op of its name
  At at;  // the node's name as the user gave it, empty where it is that of the function; and the line

  std::string_view name() const { return at.name.empty() ? function : at.name; }
  std::string text() const;  // "[Relu 'act' at train.cc:31]"
  // Throws InvalidArgument: text() and the message.
  [[noreturn]] void fail(const std::string& message) const;
};

}  // namespace gradus
