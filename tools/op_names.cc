#include "tools/op_names.h"

#include <fmt/format.h>

#include "gradus/core/nearest_names.h"

namespace gradus::tools {
namespace {

// Letters and digits in lower case: every spelling of a name folds to the same text.
std::string folded(std::string_view name) {
  std::string result;
  for (char c : name) {
    if (c == '_' || c == '-') continue;
    result += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return result;
}

const OpDef* find_spelling(std::string_view name) {
  for (const auto& op : op_registry().all()) {
    if (folded(op->name) == folded(name)) return op.get();
  }
  return nullptr;
}

// Builder functions without an op of their own.
constexpr std::pair<const char*, const char*> kCompositions[] = {
    {"conv2d_transpose", "Conv2DBackpropInput"},
    {"depthwise_conv2d", "Reshape and Conv2D"},
    {"global_avg_pool", "Mean"},
    {"group", "NoOp"},
};

}  // namespace

const std::vector<std::pair<std::string, std::string>>& op_aliases() {
  static const std::vector<std::pair<std::string, std::string>> aliases = {
      {"subtract", "Sub"},   {"multiply", "Mul"},     {"divide", "RealDiv"},   {"negate", "Neg"},
      {"where", "Select"},   {"reduce_sum", "Sum"},   {"reduce_mean", "Mean"}, {"reduce_max", "Max"},
      {"reduce_min", "Min"}, {"reduce_prod", "Prod"},
  };
  return aliases;
}

const OpDef& find_op(std::string_view name) {
  if (const OpDef* op = find_spelling(name)) return *op;
  for (const auto& [alias, op] : op_aliases()) {
    if (folded(alias) != folded(name)) continue;
    if (const OpDef* def = find_spelling(op)) return *def;
  }
  for (const auto& [builder, made] : kCompositions) {
    if (folded(builder) != folded(name)) continue;
    throw not_found(fmt::format("no op '{}' is registered: that builder function makes {}", name, made));
  }
  std::vector<std::string> known;
  // Builder functions' names first: "div" is meant for divide.
  for (const auto& [alias, op] : op_aliases()) known.push_back(alias);
  for (const auto& [builder, made] : kCompositions) known.emplace_back(builder);
  for (const auto& op : op_registry().all()) known.push_back(op->name);
  throw not_found(fmt::format("no op '{}' is registered{}", name, did_you_mean(name, known)));
}

std::string without_dots(std::string_view name) {
  while (!name.empty() && name.back() == '.') name.remove_suffix(1);
  return std::string(name);
}

std::string option_name(std::string_view name) {
  std::string result = "--" + without_dots(name);
  for (char& c : result) {
    if (c == '_') c = '-';
  }
  return result;
}

}  // namespace gradus::tools
