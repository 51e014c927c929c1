#include "gradus/core/attrs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cxxabi.h>

#include <bit>
#include <cstdlib>
#include <functional>
#include <string_view>

namespace gradus {
namespace {

// Writes "name=value" pairs. The exact form has every bit of numbers and tensors and the length of strings, so that equal
// texts mean equal attributes.
class Printer final : public AttrVisitor {
 public:
  explicit Printer(bool exact) : exact_(exact) {}
  void field(const AttrField& f, AttrRef value) override {
    if (!text.empty()) text += ' ';
    text += f.name;
    text += '=';
    text +=
        std::visit(Overloaded{
                       [](bool* v) -> std::string { return *v ? "true" : "false"; },
                       [](std::int64_t* v) { return std::to_string(*v); },
                       [&](double* v) { return exact_ ? bits(*v) : fmt::format("{}", *v); },
                       [&](Number* v) { return exact_ && !v->is_integer() ? bits(v->real()) + "r" : v->to_string(); },
                       [&](std::string* v) { return exact_ ? fmt::format("{}:{}", v->size(), *v) : "'" + *v + "'"; },
                       [](DType* v) -> std::string { return dtype_name(*v); },
                       [](Shape* v) { return v->to_string(); },
                       [](std::vector<std::int64_t>* v) { return fmt::format("[{}]", fmt::join(*v, ",")); },
                       [&](Tensor* v) { return exact_ && v->defined() ? bytes(*v) : v->to_string(8); },
                       [](EnumValue* v) -> std::string { return v->name(); },
                   },
                   value);
  }
  std::string text;

 private:
  static std::string bits(double v) { return fmt::format("{:x}", std::bit_cast<std::uint64_t>(v)); }
  static std::string bytes(const Tensor& v) {
    const std::string_view all(static_cast<const char*>(v.raw()), v.bytes());
    return fmt::format("{}{}:{}", dtype_name(v.dtype()), v.shape().to_string(), all);
  }
  bool exact_;
};

std::string print(const Attrs& attrs, bool exact) {
  Printer printer(exact);
  attrs.visit(printer);
  return printer.text;
}

// The type as the program spells it; type_info has the linker's name only.
std::string readable(const std::type_info& type) {
  int status = 0;
  char* text = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string result = status == 0 ? text : type.name();
  std::free(text);
  return result;
}

}  // namespace

void AttrVisitor::check_enumerator(const AttrField& field, const EnumValue& value) {
  if (value.index >= 0 && static_cast<std::size_t>(value.index) < value.names.size()) return;
  throw invalid_argument(
      fmt::format("{} has no value number {}; it may be {}", field.name, value.index, fmt::join(value.names, ", ")));
}

Attrs::Attrs() : Attrs(NoAttrs{}) {}
bool Attrs::empty() const { return to_string().empty(); }
std::string Attrs::to_string() const { return print(*this, false); }
std::size_t Attrs::hash() const { return std::hash<std::string>{}(print(*this, true)); }
bool operator==(const Attrs& a, const Attrs& b) {
  if (a.model_ == b.model_) return true;
  const Attrs::Base& left = *a.model_;
  const Attrs::Base& right = *b.model_;
  return typeid(left) == typeid(right) && print(a, true) == print(b, true);
}
std::string Attrs::type_name() const { return readable(model_->type()); }
void Attrs::throw_wrong_type(const std::type_info& wanted) const {
  throw internal_error(fmt::format("the node's attributes are not of type {}, which was asked for, but {}{}{}",
                                   readable(wanted), type_name(), empty() ? "" : ": ", to_string()));
}

}  // namespace gradus
