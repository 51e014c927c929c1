#include "tools/usage_errors.h"

#include "gradus/core/nearest_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "tools/op_names.h"

namespace gradus::tools {
namespace {

// The letters and digits of a name, in lower case.
std::string letters_of(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return result;
}

const CLI::App* find_subcommand(const CLI::App& app, const std::vector<std::string>& arguments) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!arguments.empty() && command->get_name() == arguments[0]) return command;
  }
  return nullptr;
}

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// An option with the wrong number of values; the error's text begins with its name.
std::string wrong_count_text(const CLI::App& command, const std::string& text) {
  const std::string name = text.substr(0, text.find(':'));
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_name() != name) continue;
    if (option->count() > 1) return fmt::format("{} is given {} times", name, option->count());
    return fmt::format("{} needs a value: {}", name, option->get_type_name());
  }
  return text;
}

}  // namespace

std::string did_you_mean_name(std::string_view word, const std::vector<std::string>& known) {
  // The same letters, or the beginning of one name only: that is meant, and nothing else.
  const std::string letters = letters_of(word);
  std::vector<std::string> begun;
  for (const std::string& name : known) {
    const std::string others = letters_of(name);
    if (others == letters) return "; did you mean " + name + "?";
    if (!letters.empty() && others.rfind(letters, 0) == 0) begun.push_back(name);
  }
  if (!begun.empty()) return fmt::format("; did you mean {}?", fmt::join(begun, ", "));
  return did_you_mean(word, known);
}

std::string no_such_option(const std::string& subject, std::string_view word, const std::vector<std::string>& options) {
  word = word.substr(0, word.find('='));
  std::vector<std::string> names;  // without the dashes, which would make every option a little like every other
  for (const std::string& option : options) names.push_back(option.substr(2));
  std::string hint = did_you_mean_name(word.substr(std::min(word.find_first_not_of('-'), word.size())), names);
  for (const char* before : {"mean ", ", "}) {
    for (std::size_t at = hint.find(before); at != std::string::npos; at = hint.find(before, at + 1)) {
      hint.insert(at + std::strlen(before), "--");
    }
  }
  if (hint.empty()) hint = fmt::format("; its options are {}", fmt::join(options, ", "));
  return fmt::format("{} has no option {}{}", subject, word, hint);
}

std::string usage_error_text(const CLI::App& app, const std::vector<std::string>& arguments, const CLI::Error& error) {
  const CLI::App* const selected = find_subcommand(app, arguments);
  if (selected == nullptr && !arguments.empty() && arguments[0].substr(0, 1) != "-") {
    return fmt::format("no subcommand '{}'; the subcommands are {}", arguments[0],
                       fmt::join(subcommand_names(app), ", "));
  }
  const CLI::App& command = selected != nullptr ? *selected : app;
  const std::string subject = selected != nullptr ? "gradus " + selected->get_name() : "gradus";
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) return wrong_count_text(command, error.what());
  std::vector<std::string> words = command.remaining();
  if (words.empty()) words = app.remaining();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr || words.empty()) return error.what();
  if (words[0].substr(0, 1) == "-") return no_such_option(subject, words[0], option_names(command));
  return fmt::format("'{}' is one word too many; see `{} --help`", words[0], subject);
}

}  // namespace gradus::tools
