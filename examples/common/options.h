// A program's command line: `--name value` options with a type, a range and a line of help each. Standard library only, so that
// the programs that compare with other libraries can use it too.
//
//   example::Options options("train", "Trains a model.");
//   options.integer("--epochs", &epochs, 1, 100000, "passes over the training images");
//   options.parse(argc, argv)  // throws UsageError "--epochs takes an integer from 1 to 100000; got '0'"
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace example {

class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Options {
 public:
  Options(std::string program, std::string description)
      : program_(std::move(program)), description_(std::move(description)) {}

  // `value` holds the default and gets what is given; `kind` is the word that stands for it: DIR, FILE.
  void text(const std::string& name, std::string* value, const std::string& kind, const std::string& help) {
    add(name, kind, help + default_text(*value), [value](const std::string& given) {
      *value = given;
      return !given.empty();
    });
  }
  void choice(const std::string& name, std::string* value, const std::vector<std::string>& names,
              const std::string& help) {
    std::string kind;
    for (const std::string& one : names) kind += (kind.empty() ? "" : "|") + one;
    add(name, kind, help + default_text(*value), [value, names](const std::string& given) {
      for (const std::string& one : names) {
        if (one == given) *value = given;
      }
      return *value == given;
    });
  }
  template <class Integer>
  void integer(const std::string& name, Integer* value, std::int64_t low, std::int64_t high, const std::string& help) {
    static_assert(std::is_integral_v<Integer>);
    add(name, std::to_string(low) + ".." + std::to_string(high), help + default_text(std::to_string(*value)),
        [value, low, high](const std::string& given) {
          std::int64_t number = 0;
          if (!read(given, &number) || number < low || number > high) return false;
          *value = static_cast<Integer>(number);
          return true;
        });
  }
  void positive_number(const std::string& name, double* value, const std::string& help) {
    char shown[32];
    std::snprintf(shown, sizeof(shown), "%g", *value);
    add(name, kPositiveNumber, help + default_text(shown),
        [value](const std::string& given) { return read(given, value) && std::isfinite(*value) && *value > 0; });
  }
  void flag(const std::string& name, bool* value, const std::string& help) {
    add(name, "", help, [value](const std::string&) { return *value = true; });
  }
  // A word without option, at most one.
  void word(std::string* value, const std::string& kind, const std::string& help) {
    word_ = value;
    word_kind_ = kind;
    word_help_ = help;
  }

  // False when the help was asked for and printed. Throws UsageError.
  bool parse(int argc, char** argv) {
    const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
    for (const std::string& given : words) {
      if (given != "--help" && given != "-h") continue;
      std::fputs(help().c_str(), stdout);
      return false;
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i].size() < 2 || words[i][0] != '-') {
        take_word(words[i]);
        continue;
      }
      const std::size_t equals = words[i].find('=');
      Option& option = find(words[i].substr(0, equals));
      if (option.given) throw UsageError(option.name + " is given twice");
      option.given = true;
      if (option.kind.empty()) {
        if (equals != std::string::npos) throw UsageError(option.name + " takes no value; got '" + words[i] + "'");
        option.set("");
      } else if (equals != std::string::npos) {
        set(option, words[i].substr(equals + 1));
      } else {
        if (i + 1 == words.size()) throw UsageError(option.name + " needs a value: " + wanted(option.kind));
        if (words[i + 1].compare(0, 2, "--") == 0) {
          throw UsageError(option.name + " needs a value: " + wanted(option.kind) + "; got the option " + words[i + 1]);
        }
        set(option, words[++i]);
      }
    }
    return true;
  }

  // One line per option: two spaces, the name, its kind of value, at least two spaces, the help. scripts/demo reads it.
  std::string help() const {
    std::string text = description_ + "\nUsage: " + program_;
    if (word_ != nullptr) text += " [" + word_kind_ + "]";
    if (!options_.empty()) text += " [OPTIONS]";
    text += "\n\n";
    std::vector<std::pair<std::string, std::string>> lines;
    if (word_ != nullptr) lines.emplace_back(word_kind_, word_help_);
    for (const Option& option : options_) {
      lines.emplace_back(option.kind.empty() ? option.name : option.name + " " + option.kind, option.help);
    }
    lines.emplace_back("--help", "this text");
    std::size_t width = 0;
    for (const auto& line : lines) width = std::max(width, line.first.size());
    for (const auto& [left, right] : lines)
      text += "  " + left + std::string(width + 2 - left.size(), ' ') + right + "\n";
    return text;
  }

 private:
  struct Option {
    std::string name, kind, help;
    std::function<bool(const std::string&)> set;  // false: the value is none of its kind
    bool given = false;
  };
  static constexpr const char* kPositiveNumber = "NUMBER>0";

  void add(const std::string& name, const std::string& kind, const std::string& help,
           std::function<bool(const std::string&)> set) {
    options_.push_back({name, kind, help, std::move(set)});
  }
  static std::string default_text(const std::string& value) { return value.empty() ? "" : " [" + value + "]"; }

  Option& find(const std::string& name) {
    std::string names, nearest;
    for (Option& option : options_) {
      if (option.name == name) return option;
      names += (names.empty() ? "" : ", ") + option.name;
      if (is_near(name, option.name)) nearest = option.name;
    }
    if (!nearest.empty()) throw UsageError("no option '" + name + "'; did you mean " + nearest + "?");
    throw UsageError("no option '" + name + "'" + (names.empty() ? "" : "; the options are " + names));
  }

  // One begins with the other, or two letters at most are wrong, missing or too many (Levenshtein's distance).
  static bool is_near(const std::string& given, const std::string& name) {
    if (given.size() < 5) return false;
    if (name.compare(0, given.size(), given) == 0) return true;
    std::vector<std::size_t> row(name.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 0; i < given.size(); ++i) {
      std::size_t diagonal = row[0]++;
      for (std::size_t j = 0; j < name.size(); ++j) {
        const std::size_t changed = diagonal + (given[i] == name[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
      }
    }
    return row.back() <= 2;
  }

  void take_word(const std::string& given) {
    if (word_ == nullptr) {
      throw UsageError("'" + given + "' is not an option" +
                       (options_.empty()
                            ? "; " + program_ + " takes no arguments"
                            : "; values follow their option, like " + options_[0].name + " " + options_[0].kind));
    }
    if (given.empty()) throw UsageError(word_kind_ + " is empty");
    if (!word_->empty()) throw UsageError("one " + word_kind_ + " at most; got '" + *word_ + "' and '" + given + "'");
    *word_ = given;
  }

  static void set(Option& option, const std::string& given) {
    if (!option.set(given)) throw UsageError(option.name + " takes " + wanted(option.kind) + "; got '" + given + "'");
  }

  // "1..9" -> "an integer from 1 to 9", "a|b|c" -> "a, b or c".
  static std::string wanted(const std::string& kind) {
    if (kind == kPositiveNumber) return "a number above 0";
    if (const auto dots = kind.find(".."); dots != std::string::npos) {
      return "an integer from " + kind.substr(0, dots) + " to " + kind.substr(dots + 2);
    }
    std::string text = kind;
    if (const auto last = text.rfind('|'); last != std::string::npos) text.replace(last, 1, " or ");
    for (auto bar = text.find('|'); bar != std::string::npos; bar = text.find('|')) text.replace(bar, 1, ", ");
    return text;
  }

  template <class Number>
  static bool read(const std::string& text, Number* number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
    return error == std::errc() && end == text.data() + text.size();
  }

  std::string program_, description_;
  std::vector<Option> options_;
  std::string* word_ = nullptr;
  std::string word_kind_, word_help_;
};

}  // namespace example
