#include "tools/attr_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>

#include "gradus/io/npy.h"
#include "tools/op_names.h"
#include "tools/usage_errors.h"

namespace gradus::tools {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

template <class T>
bool parse_number(std::string_view text, T* value) {
  text = trimmed(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

class Describer final : public AttrVisitor {
 public:
  void field(const AttrField& f, AttrRef value) override {
    const auto [type, text] = std::visit(
        Overloaded{
            [](bool* v) { return Texts("bool", *v ? "true" : "false"); },
            [](std::int64_t* v) { return Texts("integer", std::to_string(*v)); },
            [](double* v) { return Texts("number", fmt::format("{}", *v)); },
            [](Number* v) { return Texts("number", v->to_string()); },
            [](std::string* v) { return Texts("text", *v); },
            [](DType* v) { return Texts("dtype", dtype_name(*v)); },
            [](Shape* v) { return Texts("shape", fmt::format("{}", fmt::join(v->dims(), ","))); },
            [](std::vector<std::int64_t>* v) { return Texts("integers", fmt::format("{}", fmt::join(*v, ","))); },
            [](Tensor* v) { return Texts("tensor", v->defined() ? v->to_string(8) : ""); },
            [](EnumValue* v) { return Texts("name", v->name()); },
        },
        value);
    infos.push_back({f.name, f.doc, type, text, {}});
    if (EnumValue** const e = std::get_if<EnumValue*>(&value))
      infos.back().values.assign((*e)->names.begin(), (*e)->names.end());
  }
  std::vector<AttrInfo> infos;

 private:
  using Texts = std::pair<std::string, std::string>;
};

// Assigns the fields that have a text; the rest keep their defaults.
class Parser final : public AttrVisitor {
 public:
  explicit Parser(const std::map<std::string, std::string>& texts) : texts_(texts) {}

  void field(const AttrField& f, AttrRef value) override {
    const auto found = texts_.find(f.name);
    if (found == texts_.end()) return;
    const std::string& text = found->second;
    std::visit(Overloaded{
                   [&](bool* v) {
                     if (text != "true" && text != "false") refuse(f, "true or false", text);
                     *v = text == "true";
                   },
                   [&](std::int64_t* v) {
                     if (!parse_number(text, v)) refuse(f, "an integer", text);
                   },
                   [&](double* v) {
                     if (!parse_number(text, v)) refuse(f, "a number", text);
                   },
                   [&](Number* v) {
                     std::int64_t integer = 0;
                     double real = 0.0;
                     const bool whole = parse_number(text, &integer);
                     if (!whole && !parse_number(text, &real)) refuse(f, "a number", text);
                     *v = whole ? Number(integer) : Number(real);
                   },
                   [&](std::string* v) { *v = text; },
                   [&](DType* v) {
                     std::vector<std::string> names;
                     for (int i = 0; i < kDTypeCount; ++i) names.emplace_back(dtype_name(static_cast<DType>(i)));
                     *v = static_cast<DType>(index_of(f, names, text));
                   },
                   [&](Shape* v) {
                     std::vector<std::int64_t> dims;
                     if (!parse_integers(text, &dims)) refuse(f, "a comma list of sizes, like 2,-1,3", text);
                     *v = Shape(dims);
                   },
                   [&](std::vector<std::int64_t>* v) {
                     if (!parse_integers(text, v)) refuse(f, "a comma list of integers", text);
                   },
                   [&](Tensor* v) { *v = parse_tensor(option_name(f.name), text); },
                   [&](EnumValue* v) {
                     v->index = index_of(f, {v->names.begin(), v->names.end()}, text);
                   },
               },
               value);
  }

 private:
  [[noreturn]] static void refuse(const AttrField& f, const std::string& wanted, const std::string& text,
                                  const std::string& hint = "") {
    throw invalid_argument(fmt::format("{} takes {}; got '{}'{}", option_name(f.name), wanted, text, hint));
  }
  // The position of `text` among the names that the field may have.
  static int index_of(const AttrField& f, const std::vector<std::string>& names, const std::string& text) {
    const auto found = std::find(names.begin(), names.end(), text);
    if (found != names.end()) return static_cast<int>(found - names.begin());
    refuse(f, fmt::format("{}{}", names.size() > 1 ? "one of " : "", fmt::join(names, ", ")), text,
           did_you_mean_name(text, names));
  }
  const std::map<std::string, std::string>& texts_;
};

}  // namespace

std::vector<AttrInfo> describe_attrs(const Attrs& attrs) {
  Describer describer;
  attrs.visit(describer);
  return describer.infos;
}

Attrs parse_attrs(const Attrs& defaults, const std::map<std::string, std::string>& texts) {
  Parser parser(texts);
  return defaults.edited(parser);
}

bool parse_integers(std::string_view text, std::vector<std::int64_t>* values) {
  values->clear();
  text = trimmed(text);
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = trimmed(text.substr(1, text.size() - 2));
  if (text.empty()) return true;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    std::int64_t value = 0;
    if (!parse_number(text.substr(begin, comma - begin), &value)) return false;
    values->push_back(value);
    begin = comma + 1;
  }
  return true;
}

Tensor parse_tensor(const std::string& option, const std::string& text) {
  std::vector<std::int64_t> values;
  if (!text.empty() && parse_integers(text, &values)) {
    std::vector<std::int32_t> narrow;
    for (std::int64_t v : values) {
      if (v < std::numeric_limits<std::int32_t>::min() || v > std::numeric_limits<std::int32_t>::max()) {
        throw invalid_argument(fmt::format("{}: {} does not fit in int32; use a .npy file of int64", option, v));
      }
      narrow.push_back(static_cast<std::int32_t>(v));
    }
    return Tensor::from(narrow);
  }
  std::error_code ignored;
  if (!std::filesystem::exists(text, ignored)) {
    throw not_found(fmt::format("{}: no file '{}'; a value is a .npy file or a comma list of integers", option, text));
  }
  try {
    return io::load_npy(text);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", option, error.what()));
  }
}

}  // namespace gradus::tools
