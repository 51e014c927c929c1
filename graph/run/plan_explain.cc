// The text of Session::explain: a summary (memory, time and bytes by part, op and scope), the steps, what the plan starts from, and
// what was folded, shared or fused into a step.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>

#include "gradus/core/text_table.h"
#include "gradus/graph/run/plan.h"

namespace gradus {
namespace {

constexpr std::string_view kDefault = "the session's default";  // plan_place.cc
constexpr std::size_t kMaxGroups = 20;                          // rows of the tables of ops and scopes

const char* part_name(const PlanReport::Step& step) {
  if (!step.recomputes.empty()) return "recomputation";
  switch (step.role) {
    case NodeRole::kForward: return "forward";
    case NodeRole::kInitialValue: return "initial values";
    case NodeRole::kGradient: return "gradients";
    case NodeRole::kUpdate: return "updates";
  }
  return "?";
}

// The sums of the steps that have something in common.
struct Group {
  std::string name;
  std::size_t steps = 0, bytes = 0;
  double ms = 0, gradient_ms = 0;

  void add(const PlanReport::Step& step) {
    ++steps;
    ms += step.mean_ms;
    if (step.role == NodeRole::kGradient) gradient_ms += step.mean_ms;
    // A view has no bytes of its own.
    if (!step.view) bytes += step.bytes();
  }
  void add(const Group& other) {
    steps += other.steps;
    bytes += other.bytes;
    ms += other.ms;
    gradient_ms += other.gradient_ms;
  }
};

class Printer {
 public:
  Printer(const PlanReport& report, const ExplainOptions& options)
      : report_(report), options_(options), total_ms_(report.total_ms()) {}

  std::string print() {
    summary();
    steps();
    sources();
    notes();
    return std::move(text_);
  }

 private:
  std::string ms(double value) const { return report_.profiled ? fmt::format("{:.4f}", value) : ""; }
  std::string share(double value) const {
    return report_.profiled && total_ms_ > 0 ? fmt::format("{:.1f}%", 100 * value / total_ms_) : "";
  }
  // How many of `count` steps are shown; of the other lists a third where not all are.
  std::size_t shown(std::size_t count) const {
    return options_.top == 0 ? count : std::min(count, static_cast<std::size_t>(options_.top));
  }
  std::size_t shown_beside(std::size_t count) const { return shown(count) == count ? count : (shown(count) + 2) / 3; }

  void summary() {
    std::size_t views = 0, copies = 0, fused = 0;
    for (const PlanReport::Step& step : report_.steps) {
      views += step.view;
      copies += step.copy;
      fused += step.nodes.size() - 1;
    }
    text_ += fmt::format("plan: {} steps, {} runs\n", report_.steps.size(), report_.runs);
    std::string counts;
    for (const auto& [count, what] :
         {std::pair{views, "views that cost nothing"}, std::pair{copies, "copies"},
          std::pair{fused, "nodes fused into others"},
          std::pair{report_.notes.size() - std::min(report_.notes.size(), fused), "folded or shared"}}) {
      if (count > 0) counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count, what);
    }
    if (!counts.empty()) text_ += counts + "\n";
    for (const PlanReport::Recorded& r : report_.recorded) {
      text_ += fmt::format("{} steps are one recording of {}{}\n", r.steps, r.device,
                           r.streams > 1 ? fmt::format(", in {} streams", r.streams) : "");
    }
    if (!report_.not_recorded.empty()) text_ += "no step is recorded: " + report_.not_recorded + "\n";
    text_ += report_.profiled ? fmt::format("{:.4f} ms per run in all steps\n", total_ms_)
                              : "times: SessionOptions{.profile = true}, then run and explain again\n";
    TextTable memory({"memory", ">variables", ">constants", ">arena", ">scratch in it", ">bytes in all"});
    for (const PlanReport::Memory& m : report_.memory) {
      memory.add({m.device, readable_bytes(m.variables), readable_bytes(m.constants), readable_bytes(m.arena),
                  readable_bytes(m.scratch), with_commas(static_cast<std::int64_t>(m.bytes()))});
    }
    text_ += "\n" + memory.to_string();
    if (report_.steps.empty()) return;
    group_table("part", groups([](const PlanReport::Step& step) { return std::string(part_name(step)); }));
    group_table("op", groups([](const PlanReport::Step& step) { return step.op; }));
    group_table("scope", by_scope());
  }

  template <class Key>
  std::vector<Group> groups(Key key) const {
    std::map<std::string, Group> found;
    for (const PlanReport::Step& step : report_.steps) {
      Group& group = found[key(step)];
      group.name = key(step);
      group.add(step);
    }
    std::vector<Group> result;
    for (auto& [name, group] : found) result.push_back(std::move(group));
    std::stable_sort(result.begin(), result.end(), [&](const Group& a, const Group& b) {
      return report_.profiled ? a.ms > b.ms : a.bytes > b.bytes;
    });
    return result;
  }

  // By the deepest scopes that make few enough rows.
  std::vector<Group> by_scope() const {
    int depth = 1;
    for (const PlanReport::Step& step : report_.steps) depth = std::max(depth, count_levels(step.scope));
    const auto scope = [&](const PlanReport::Step& step) {
      return step.scope.empty() ? std::string("(none)") : std::string(name_levels(step.scope, depth));
    };
    std::vector<Group> result = groups(scope);
    for (; result.size() > kMaxGroups && depth > 1; result = groups(scope)) --depth;
    return result;
  }

  // Time, or else bytes, first.
  void group_table(const std::string& title, const std::vector<Group>& rows) {
    const bool has_gradients = title == "scope" && report_.profiled &&
                               std::any_of(rows.begin(), rows.end(), [](const Group& g) { return g.gradient_ms > 0; });
    TextTable table({title, ">steps", ">ms", ">share", ">of it gradients", ">result bytes"});
    const std::size_t count = title == "part" || options_.top == 0 ? rows.size() : std::min(rows.size(), kMaxGroups);
    Group rest{.name = fmt::format("{} others", rows.size() - count)};
    for (std::size_t i = 0; i < count; ++i) add_group(table, rows[i], has_gradients);
    for (std::size_t i = count; i < rows.size(); ++i) rest.add(rows[i]);
    if (rest.steps > 0) add_group(table, rest, has_gradients);
    text_ += "\n" + table.to_string();
  }

  void add_group(TextTable& table, const Group& g, bool has_gradients) const {
    table.add({g.name, std::to_string(g.steps), ms(g.ms), share(g.ms),
               has_gradients && g.ms > 0 ? fmt::format("{:.0f}%", 100 * g.gradient_ms / g.ms) : "",
               with_commas(static_cast<std::int64_t>(g.bytes))});
  }

  void steps() {
    const std::size_t all = report_.steps.size(), count = shown(all);
    std::vector<std::size_t> order(all);
    std::iota(order.begin(), order.end(), 0);
    ExplainOrder by = options_.sort_by;
    if (by == ExplainOrder::kAutomatic) {
      by = count == all ? ExplainOrder::kRun : report_.profiled ? ExplainOrder::kTime : ExplainOrder::kBytes;
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      const PlanReport::Step &s = report_.steps[a], &t = report_.steps[b];
      if (by == ExplainOrder::kTime) return s.mean_ms > t.mean_ms;
      if (by == ExplainOrder::kBytes) return (s.view ? 0 : s.bytes()) > (t.view ? 0 : t.bytes());
      return false;
    });
    const char* sorted = by == ExplainOrder::kTime    ? "the slowest first"
                         : by == ExplainOrder::kBytes ? "the largest results first"
                                                      : "in run order";
    text_ +=
        fmt::format("\nsteps, {}{}; placed on the session's default device unless told otherwise\n", sorted,
                    count < all ? fmt::format(": {} of {} (ExplainOptions{{.top = 0}} shows all)", count, all) : "");
    TextTable table({">#", "node", "op", "device", ">ms", ">share", "result", ">bytes", ""});
    for (std::size_t i = 0; i < count; ++i) add_step(table, order[i]);
    text_ += table.to_string();
  }

  void add_step(TextTable& table, std::size_t i) const {
    const PlanReport::Step& step = report_.steps[i];
    std::string rest;
    for (std::size_t k = 1; k < step.results.size(); ++k) {
      const PlanReport::Value& v = step.results[k];
      rest += fmt::format("; {} {} bytes{}{}", type_text(v), v.bytes, v.place.empty() ? "" : " ", v.place);
    }
    if (!step.results.empty()) rest.insert(0, step.results[0].place);
    const auto add = [&](const std::string& text) { rest += (rest.empty() ? "| " : " | ") + text; };
    if (step.copy) {
      add(step.reason);
    } else if (step.reason != kDefault) {
      add("placed: " + step.reason);
    }
    if (step.view) {
      add("view, nothing runs");
    } else if (!step.kernel.empty()) {
      add("kernel: " + step.kernel);
      if (step.scratch_bytes > 0) rest += fmt::format(", scratch {} bytes", step.scratch_bytes);
    }
    if (!step.recomputes.empty()) add("computes '" + step.recomputes + "' again");
    for (std::size_t k = 0; k + 1 < step.nodes.size(); ++k)
      rest += fmt::format("{} '{}'", k == 0 ? " | fused with:" : ",", step.nodes[k].name);
    const bool has_result = !step.results.empty();
    table.add({std::to_string(i + 1), step.name, step.op, step.device, step.runs > 0 ? ms(step.mean_ms) : "",
               step.runs > 0 ? share(step.mean_ms) : "", has_result ? type_text(step.results[0]) : "",
               has_result ? std::to_string(step.results[0].bytes) : "", rest});
  }

  void sources() {
    using Kind = PlanReport::Source::Kind;
    for (const auto& [kind, title] : {std::pair{Kind::kFed, "fed"}, std::pair{Kind::kVariable, "variable"},
                                      std::pair{Kind::kConstant, "constant"}}) {
      std::vector<const PlanReport::Source*> rows;
      for (const PlanReport::Source& source : report_.sources) {
        if (source.kind == kind) rows.push_back(&source);
      }
      list({title, "value", ">bytes", ""}, rows,
           [](const PlanReport::Source& source, const std::string& type, const std::string& bytes) {
             return std::vector{source.name, type, bytes, placement(source)};
           });
    }
  }

  static std::string placement(const PlanReport::Source& source) {
    if (source.kind == PlanReport::Source::Kind::kConstant)
      return source.device.empty() ? "in host memory" : "on " + source.device + ", copied once";
    if (source.device.empty()) return "";
    std::string text = "on " + source.device;
    if (source.packed_bytes > 0) text += fmt::format(" | packed as well, in {} bytes", source.packed_bytes);
    return text + (source.reason == kDefault ? "" : " | placed: " + source.reason);
  }

  void notes() {
    std::vector<const PlanReport::Note*> rows;
    for (const PlanReport::Note& note : report_.notes) rows.push_back(&note);
    list({"without a step", "op", "value", ">bytes", ""}, rows,
         [](const PlanReport::Note& note, const std::string& type, const std::string& bytes) {
           return std::vector{note.name, note.op, type, bytes, "| " + note.text};
         });
  }

  // The table of a list beside the steps, the largest first where not all are shown: cells(row, type, bytes) of each row's value.
  template <class Row, class Cells>
  void list(std::vector<std::string> titles, std::vector<const Row*> rows, Cells cells) {
    if (rows.empty()) return;
    const std::size_t count = shown_beside(rows.size());
    if (count < rows.size()) {
      std::stable_sort(rows.begin(), rows.end(),
                       [](const Row* a, const Row* b) { return a->value.bytes > b->value.bytes; });
    }
    TextTable table(std::move(titles));
    for (std::size_t i = 0; i < count; ++i)
      table.add(cells(*rows[i], type_text(rows[i]->value), std::to_string(rows[i]->value.bytes)));
    text_ += "\n" + table.to_string();
    if (count < rows.size()) text_ += fmt::format("... and {} more\n", rows.size() - count);
  }

  const PlanReport& report_;
  const ExplainOptions& options_;
  double total_ms_;
  std::string text_;
};

}  // namespace

std::string plan_report_text(const PlanReport& report, const ExplainOptions& options) {
  if (options.top < 0) throw invalid_argument(fmt::format("explain: top must not be negative; got {}", options.top));
  return Printer(report, options).print();
}

}  // namespace gradus
