// Mistakes on the command line, told so that the next try is right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Error;
}  // namespace CLI

namespace gradus::tools {

// "; did you mean SAME?" for a word that is no `known` name but like some; else "".
std::string did_you_mean_name(std::string_view word, const std::vector<std::string>& known);

// "Conv2D has no option --stride; did you mean --strides?", or with all options when none is like it.
std::string no_such_option(const std::string& subject, std::string_view word, const std::vector<std::string>& options);

// What is wrong with the command line, after parsing `arguments` (the words behind the program's name) threw `error`.
std::string usage_error_text(const CLI::App& app, const std::vector<std::string>& arguments, const CLI::Error& error);

}  // namespace gradus::tools
