// The logic of `gradus check`: runs the gradient checks of a selection of cases, and prints what came out.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cases/case_runner.h"
#include "gradus/autodiff/gradient_registry.h"
#include "gradus/core/nearest_names.h"

namespace gradus::cases {
namespace {

// "Conv2DBackpropInput", "conv2d_backprop_input" and "Conv2D_Backprop_Input" are one name.
std::string folded(const std::string& name) {
  std::string result;
  for (const char c : name) {
    if (c != '_' && c != '-') result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

// Placeholders, variables and the like: there is nothing to differentiate, which `gradus check` says of them.
std::vector<const OpDef*> without_cases(const std::vector<OpCase>& cases) {
  std::vector<const OpDef*> result;
  for (const std::unique_ptr<OpDef>& def : op_registry().all()) {
    const bool has_case = std::any_of(cases.begin(), cases.end(), [&](const OpCase& c) { return c.op == def->name; });
    if (!has_case && gradient_registry().none_reason(def->name) != nullptr) result.push_back(def.get());
  }
  return result;
}

bool is_wanted(const std::string& op, const std::vector<std::string>& names) {
  return names.empty() ||
         std::any_of(names.begin(), names.end(), [&](const std::string& name) { return folded(name) == folded(op); });
}

std::vector<const OpCase*> selected(const std::vector<OpCase>& cases, const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (const OpCase& c : cases) {
    if (std::find(known.begin(), known.end(), c.op) == known.end()) known.push_back(c.op);
  }
  for (const OpDef* def : without_cases(cases)) known.push_back(def->name);
  for (const std::string& name : names) {
    if (std::none_of(known.begin(), known.end(), [&](const std::string& op) { return folded(op) == folded(name); })) {
      throw not_found(fmt::format("no op '{}' has cases to check{}", name, did_you_mean(name, known)));
    }
  }
  std::vector<const OpCase*> result;
  for (const OpCase& c : cases) {
    if (is_wanted(c.op, names)) result.push_back(&c);
  }
  std::stable_sort(result.begin(), result.end(), [](const OpCase* a, const OpCase* b) { return a->op < b->op; });
  return result;
}

CaseCheck check_one(const OpCase& c, const CheckRequest& request) {
  CaseCheck check{c.op, c.name, order_of(c, request.order), true, "", {}};
  if (const std::string* reason = gradient_registry().none_reason(c.op)) {
    check.note = "no gradient: " + *reason;
  } else if (check.order < request.order) {
    check.note = c.max_order_reason.empty() ? "no real operand" : c.max_order_reason;
  }
  if (check.order == 0) return check;
  try {
    check.report = check_case(c, check.order, request.device);
    check.ok = check.report.ok();
  } catch (const Error& error) {
    check.ok = false;
    check.note = error.full_text();
  }
  return check;
}

double worst_error(const CaseCheck& check) {
  const GradientCheck* worst = check.report.worst();
  return worst != nullptr ? worst->relative_error : 0;
}

}  // namespace

std::vector<CaseCheck> check_cases(const std::vector<OpCase>& cases, const CheckRequest& request,
                                   std::ostream* progress) {
  if (request.order < 1) throw invalid_argument(fmt::format("order must be at least 1; got {}", request.order));
  std::vector<CaseCheck> checks;
  for (const OpCase* c : selected(cases, request.ops)) {
    checks.push_back(check_one(*c, request));
    if (progress != nullptr) {
      const CaseCheck& check = checks.back();
      const std::string verdict = !check.ok ? "FAIL" : check.order == 0 ? "none" : "pass";
      *progress << fmt::format("{:<4} {} {}\n", verdict, check.op, check.name) << std::flush;
    }
  }
  return checks;
}

std::vector<CaseCheck> ops_without_cases(const std::vector<OpCase>& cases, const CheckRequest& request) {
  std::vector<CaseCheck> checks;
  for (const OpDef* def : without_cases(cases)) {
    if (!is_wanted(def->name, request.ops)) continue;
    checks.push_back({def->name, "", 0, true, "no gradient: " + *gradient_registry().none_reason(def->name), {}});
  }
  return checks;
}

bool all_ok(const std::vector<CaseCheck>& checks) {
  return std::all_of(checks.begin(), checks.end(), [](const CaseCheck& c) { return c.ok; });
}

std::string checks_to_text(const std::vector<CaseCheck>& checks) {
  std::string text, failures;
  std::size_t failed = 0;
  for (std::size_t begin = 0; begin < checks.size();) {
    std::size_t end = begin;
    std::size_t good = 0;
    int order = 0;
    double worst = 0;
    while (end < checks.size() && checks[end].op == checks[begin].op) {
      const CaseCheck& c = checks[end++];
      order = std::max(order, c.order);
      if (c.ok) {
        ++good;
        worst = std::max(worst, worst_error(c));
        continue;
      }
      ++failed;
      failures += fmt::format("\n{} {}\n", c.op, c.name);
      if (!c.note.empty()) failures += "  " + c.note + "\n";
      for (const GradientCheck& check : c.report.checks) {
        if (check.verdict == Verdict::kFail) failures += "  " + GradientReport{{check}}.to_string() + "\n";
      }
    }
    const std::string verdict = good < end - begin ? "FAIL" : order == 0 ? "none" : "pass";
    text += fmt::format("{:<4} {:<36} ", verdict, checks[begin].op);
    if (order == 0 && good == end - begin) {
      text += checks[begin].note;
    } else {
      text += fmt::format("{} of {} cases, order {}, worst relative error {:.1e}", good, end - begin, order, worst);
    }
    text += "\n";
    begin = end;
  }
  return text + failures + fmt::format("\n{} cases, {} failed\n", checks.size(), failed);
}

std::string checks_to_json(const std::vector<CaseCheck>& checks) {
  nlohmann::json list = nlohmann::json::array();
  for (const CaseCheck& c : checks) {
    list.push_back({{"op", c.op},
                    {"case", c.name},
                    {"order", c.order},
                    {"ok", c.ok},
                    {"note", c.note},
                    {"checks", nlohmann::json::parse(c.report.to_json()).at("checks")}});
  }
  return nlohmann::json{{"ok", all_ok(checks)}, {"cases", list}}.dump(2) + "\n";
}

}  // namespace gradus::cases
