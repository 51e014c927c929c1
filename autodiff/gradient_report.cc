// Text and JSON of gradient reports.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "gradus/autodiff/check_gradients.h"

namespace gradus {
namespace {

std::string element(const std::string& name, const std::vector<std::int64_t>& index) {
  return index.empty() ? name : fmt::format("{}[{}]", name, fmt::join(index, ","));
}

// NaN and infinity have no JSON numbers.
nlohmann::json number(double value) {
  if (value != value || value - value != 0) return fmt::format("{}", value);
  return value;
}

std::string line(const GradientCheck& c) {
  std::string text = fmt::format("{:<4} order {}  d {} / d {} ({}, {} {}): ", verdict_name(c.verdict), c.order, c.y,
                                 c.x, dtype_name(c.dtype), c.compared, c.full ? "elements" : "projections");
  if (c.compared > 0) {
    text += fmt::format(
        "worst at d {} / d {}: gradient {:.10g}, finite difference {:.10g}, error {:.1e} ({:.1e} relative), step "
        "{:.1e}",
        element(c.y, c.y_index), element(c.x, c.x_index), c.analytic, c.numeric, c.absolute_error, c.relative_error,
        c.step);
  }
  if (c.kinks > 0) text += fmt::format("; {} at a kink", c.kinks);
  if (!c.reason.empty()) text += (c.compared > 0 ? "; " : "") + c.reason;
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

bool GradientReport::ok() const {
  for (const GradientCheck& check : checks) {
    if (check.verdict == Verdict::kFail) return false;
  }
  return true;
}

const GradientCheck* GradientReport::worst() const {
  const GradientCheck* worst = nullptr;
  for (const GradientCheck& check : checks) {
    if (worst == nullptr || check.verdict > worst->verdict ||
        (check.verdict == worst->verdict && check.relative_error > worst->relative_error)) {
      worst = &check;
    }
  }
  return worst;
}

std::string GradientReport::to_string() const {
  std::string text;
  for (const GradientCheck& check : checks) text += (text.empty() ? "" : "\n") + line(check);
  return text.empty() ? "nothing was checked" : text;
}

std::string GradientReport::to_json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const GradientCheck& c : checks) {
    list.push_back({{"y", c.y},
                    {"x", c.x},
                    {"order", c.order},
                    {"dtype", dtype_name(c.dtype)},
                    {"method", c.full ? "full Jacobian" : "random projections"},
                    {"compared", c.compared},
                    {"kinks", c.kinks},
                    {"verdict", verdict_name(c.verdict)},
                    {"reason", c.reason},
                    {"worst",
                     {{"y_index", c.y_index},
                      {"x_index", c.x_index},
                      {"gradient", number(c.analytic)},
                      {"finite_difference", number(c.numeric)},
                      {"absolute_error", number(c.absolute_error)},
                      {"relative_error", number(c.relative_error)},
                      {"step", number(c.step)}}}});
  }
  return nlohmann::json{{"ok", ok()}, {"checks", list}}.dump(2);
}

std::ostream& operator<<(std::ostream& out, const GradientReport& report) { return out << report.to_string(); }

}  // namespace gradus
