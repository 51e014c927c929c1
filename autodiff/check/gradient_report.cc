// Text and JSON of gradient reports.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <string_view>
#include <tuple>

#include "gradus/autodiff/check/check_gradients.h"
#include "gradus/core/text_table.h"

namespace gradus {
namespace {

// "[0,2]"; empty where a direction was taken, and for scalars.
std::string index_text(const std::vector<std::int64_t>& index) {
  return index.empty() ? "" : fmt::format("[{}]", fmt::join(index, ","));
}

// NaN and infinity have no JSON numbers.
nlohmann::json number(double value) {
  if (value != value || value - value != 0) return fmt::format("{}", value);
  return value;
}

constexpr std::size_t kWidth = 120;

// Breaks at spaces; words that are longer stay whole.
std::string wrapped(std::string_view text, std::size_t indent) {
  const std::string margin(indent, ' ');
  std::string result = "\n" + margin;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    if (column > indent && column + 1 + end > kWidth) {
      result += "\n" + margin;
      column = indent;
    } else if (column > indent) {
      result += " ";
      ++column;
    }
    result += text.substr(0, end);
    column += end;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

// A line of both names and some numbers; the names get what room these leave.
template <class Format>
std::string fitted(const std::string& y, const std::string& x, std::size_t width, Format format) {
  const std::size_t names = y.size() + x.size(), rest = format("", "").size();
  if (names + rest <= width) return format(y, x);
  const std::size_t room = width - std::min(rest, width - 6);
  const std::size_t for_y = std::max(room - std::min(x.size(), room / 2), room / 2);
  return format(shortened(y, for_y), shortened(x, room - std::min(y.size(), for_y)));
}

std::string place_of(const GradientBlame& blame) {
  return fmt::format("[{} '{}' at {}:{}]", blame.op, blame.node, blame.file, blame.line);
}

// `blamed` holds what was printed before: one wrong rule makes many checks fail.
std::string lines(const GradientCheck& c, std::set<std::string>& blamed) {
  std::string numbers = dtype_name(c.dtype);
  if (c.compared > 0) {
    numbers += fmt::format(", {} {}, relative error {:.1e}", c.compared, c.full ? "elements" : "projections",
                           c.relative_error);
  }
  if (c.kinks > 0) numbers += fmt::format(", {} at a kink", c.kinks);
  std::string text = fitted(c.y, c.x, kWidth, [&](const std::string& y, const std::string& x) {
    return fmt::format("{:<4} order {}  d {} / d {}:", verdict_name(c.verdict), c.order, y, x);
  });
  text += (text.size() + 1 + numbers.size() <= kWidth ? " " : "\n      ") + numbers;
  if (c.verdict == Verdict::kPass) return c.reason.empty() ? text : text + wrapped(c.reason, 6);
  if (c.compared > 0) {
    const std::string y_index = index_text(c.y_index), x_index = index_text(c.x_index);
    text += "\n      " + fitted(c.y, c.x, kWidth - 6, [&](const std::string& y, const std::string& x) {
              return fmt::format("worst at d {}{} / d {}{}: {:.7g}, finite difference {:.7g}, step {:.1e}", y, y_index,
                                 x, x_index, c.analytic, c.numeric, c.step);
            });
  }
  if (!c.reason.empty()) text += wrapped(c.reason, 6);
  for (const GradientBlame& blame : c.to_blame) {
    const std::string whole = blame.to_string();
    text += wrapped("to blame: " + (blamed.insert(whole).second ? whole : place_of(blame) + ", as above"), 6);
  }
  return text;
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass: return "pass";
    case Verdict::kKink: return "kink";
    case Verdict::kFail: return "FAIL";
  }
  return "?";
}

std::string GradientBlame::to_string() const {
  std::string text = place_of(*this);
  if (!made_by.empty()) text += fmt::format(" (made by {})", made_by);
  return text + " " + reason;
}

bool GradientReport::ok() const {
  return std::none_of(checks.begin(), checks.end(), [](const auto& check) { return check.verdict == Verdict::kFail; });
}

const GradientCheck* GradientReport::worst() const {
  const auto worst = std::max_element(checks.begin(), checks.end(), [](const auto& a, const auto& b) {
    return std::tie(a.verdict, a.relative_error) < std::tie(b.verdict, b.relative_error);
  });
  return worst != checks.end() ? &*worst : nullptr;
}

std::string GradientReport::to_string() const {
  std::string text;
  std::set<std::string> blamed;
  for (const std::string& name : names) text += (text.empty() ? "" : "\n") + name;
  for (const GradientCheck& check : checks) text += (text.empty() ? "" : "\n") + lines(check, blamed);
  return text.empty() ? "nothing was checked" : text;
}

std::string GradientReport::to_json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const GradientCheck& c : checks) {
    nlohmann::json to_blame = nlohmann::json::array();
    for (const GradientBlame& b : c.to_blame) {
      to_blame.push_back({{"op", b.op},
                          {"node", b.node},
                          {"file", b.file},
                          {"line", b.line},
                          {"operand", b.operand},
                          {"made_by", b.made_by},
                          {"reason", b.reason},
                          {"gradient", number(b.gradient)},
                          {"finite_difference", number(b.finite_difference)}});
    }
    list.push_back({{"y", c.y},
                    {"x", c.x},
                    {"order", c.order},
                    {"dtype", dtype_name(c.dtype)},
                    {"method", c.full ? "full Jacobian" : "random projections"},
                    {"compared", c.compared},
                    {"kinks", c.kinks},
                    {"verdict", verdict_name(c.verdict)},
                    {"reason", c.reason},
                    {"to_blame", to_blame},
                    {"worst",
                     {{"y_index", c.y_index},
                      {"x_index", c.x_index},
                      {"gradient", number(c.analytic)},
                      {"finite_difference", number(c.numeric)},
                      {"absolute_error", number(c.absolute_error)},
                      {"relative_error", number(c.relative_error)},
                      {"step", number(c.step)}}}});
  }
  return nlohmann::json{{"ok", ok()}, {"names", names}, {"checks", list}}.dump(
      2, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::ostream& operator<<(std::ostream& out, const GradientReport& report) { return out << report.to_string(); }

}  // namespace gradus
