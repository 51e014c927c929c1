// How layers, losses and metrics name themselves, and the user's line, in errors.
#pragma once

#include <string>
#include <string_view>

#include "gradus/core/error.h"
#include "gradus/core/source_location.h"

namespace gradus::nn {

// Throws InvalidArgument: "[nn::dense 'fc1' at train.cc:31] message".
[[noreturn]] void fail(std::string_view function, std::string_view name, SourceLocation location,
                       const std::string& message);

}  // namespace gradus::nn
