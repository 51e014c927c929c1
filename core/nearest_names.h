// "Did you mean ...?": the known names that a mistyped one is nearest to.
#pragma once

#include "gradus/core/language.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// The names among `known` that are like `wanted`, the nearest first, at most `most` of them; empty when none is. Two names are
// alike when few letters must be changed (Levenshtein's distance at most half the longer name), or when one is part of the
// other ("div" of "divide", "kernel" of "conv1/kernel"), which ranks like one letter. Case, "_" and "-" do not count.
std::vector<std::string> nearest_names(std::string_view wanted, std::span<const std::string> known,
                                       std::size_t most = 3);

// The same as the end of an error's text: "; did you mean Relu, Relu6?", or "" when no name is like it.
std::string did_you_mean(std::string_view wanted, std::span<const std::string> known);

}  // namespace gradus
