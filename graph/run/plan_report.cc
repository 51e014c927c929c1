#include "gradus/graph/run/plan_report.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <shared_mutex>

#include "gradus/graph/graph_mutex.h"
#include "gradus/graph/recompute_scope.h"
#include "gradus/graph/run/plan.h"

namespace gradus {
namespace {

PlanReport::Value value_of(const PlanValue& v) { return {.dtype = v.dtype, .shape = v.shape, .bytes = v.bytes}; }

PlanReport::Value result_of(const Plan& plan, int id) {
  PlanReport::Value result = value_of(plan.value(id));
  const PlanValue& root = plan.value(plan.root(id));
  if (root.storage == Storage::kArena) {
    result.offset = static_cast<std::int64_t>(root.offset);
    result.place = fmt::format("@{}", root.offset);
  }
  if (plan.root(id) == id) return result;
  const char* what = root.storage == Storage::kVariable ? "in variable"
                     : root.storage == Storage::kFeed   ? "in feed"
                                                        : "in memory of";
  result.place = fmt::format("{} '{}'{}{}", what, root.source->name(), result.place.empty() ? "" : " ", result.place);
  return result;
}

// The operands, and of a copy the node whose value it copies.
std::vector<std::string> inputs_of(const PlanStep& step) {
  std::vector<std::string> names;
  if (step.is_copy) return {step.node().name()};
  for (std::size_t k = 0; k < step.nodes.size(); ++k) {
    const std::vector<int>& operands = step.context.nodes_[k].operands;
    for (std::size_t i = 0; i < step.nodes[k]->inputs().size(); ++i) {
      if (operands.empty() || operands[i] != kPassedOn) names.push_back(step.nodes[k]->inputs()[i].name());
    }
  }
  return names;
}

PlanReport::Step report_step(const Plan& plan, const PlanStep& step, const std::vector<NodeRole>& roles) {
  PlanReport::Step result;
  result.name = step.node().name();
  result.op = op_text(step);
  result.scope = scope_of(base_forward_node(step.first_node()).name());
  result.role = roles[at(step.node().id())];
  if (is_recomputed(step.node())) result.recomputes = original(step.node()).name();
  result.device = step.device->name().to_string();
  result.reason = step.reason;
  if (!step.aliased && step.kernel != nullptr)
    result.kernel = !step.context.choice().empty()      ? step.context.choice()
                    : !step.kernel->description.empty() ? step.kernel->description
                                                        : step.kernel->op;
  result.scratch_bytes = step.aliased ? 0 : step.context.scratch_bytes_;
  result.file = step.node().file();
  result.line = step.node().line();
  result.inputs = inputs_of(step);
  for (const int id : step.outputs) result.results.push_back(result_of(plan, id));
  for (const Node* node : step.nodes) result.nodes.push_back({node->name(), node->op(), node->file(), node->line()});
  result.view = step.aliased;
  result.copy = step.is_copy;
  result.runs = step.runs;
  if (step.runs > 0) result.mean_ms = step.total_ms / static_cast<double>(step.runs);
  return result;
}

void add_sources(const Plan& plan, PlanReport& report) {
  using Kind = PlanReport::Source::Kind;
  for (const int id : plan.feed_values) {
    if (id >= 0)
      report.sources.push_back({Kind::kFed, plan.value(id).source->name(), value_of(plan.value(id)), "", ""});
  }
  std::set<const Node*> seen;  // a variable may have several values in one plan
  for (const PlanValue& v : plan.values) {
    if (v.source == nullptr || v.alias_of >= 0) continue;
    if (v.storage == Storage::kVariable && v.variable != nullptr && seen.insert(v.source).second) {
      report.sources.push_back(
          {Kind::kVariable, v.source->name(), value_of(v), v.device->name().to_string(), v.variable->reason});
      for (const auto& [variable, packed] : plan.packed)
        report.sources.back().packed_bytes += variable == v.variable ? packed->bytes : 0;
    } else if (v.storage == Storage::kConstant && v.source->def().kind == OpKind::kConstant) {
      report.sources.push_back({Kind::kConstant, v.source->name(), value_of(v),
                                v.device != nullptr ? v.device->name().to_string() : "", ""});
    }
  }
}

void add_memory(const Plan& plan, PlanReport& report) {
  std::map<std::string, PlanReport::Memory> memory;
  for (const auto& source : report.sources) {
    if (source.kind == PlanReport::Source::Kind::kVariable)
      memory[source.device].variables += source.value.bytes + source.packed_bytes;
  }
  // Constants and folded results stay in host memory; steps elsewhere read copies that were made with the plan.
  std::size_t constants = 0;
  for (const PlanValue& v : plan.values) {
    if (v.storage != Storage::kConstant || v.alias_of >= 0) continue;
    (v.device != nullptr ? memory[v.device->name().to_string()].constants : constants) += v.bytes;
  }
  for (const auto& [device, bytes] : plan.arena_bytes) memory[device->name().to_string()].arena = bytes;
  for (const auto& [device, bytes] : plan.scratch_bytes) memory[device->name().to_string()].scratch = bytes;
  for (auto& [device, m] : memory) {
    m.device = device;
    report.memory.push_back(m);
  }
  if (constants > 0) report.memory.push_back({.device = "host", .constants = constants});
}

}  // namespace

std::size_t PlanReport::Step::bytes() const {
  std::size_t sum = 0;
  for (const Value& value : results) sum += value.bytes;
  return sum;
}

double PlanReport::total_ms() const {
  double sum = 0;
  for (const Step& step : steps) sum += step.mean_ms;
  return sum;
}

PlanReport report_plan(const Plan& plan, const SessionOptions& options) {
  PlanReport report;
  report.runs = plan.runs;
  add_sources(plan, report);
  if (!plan.order.empty()) {
    const Graph& graph = plan.step(plan.order[0]).node().graph();
    const std::shared_lock lock(graph.mutex());  // it may grow meanwhile
    const std::vector<NodeRole> roles = node_roles(graph);
    for (const int s : plan.order) report.steps.push_back(report_step(plan, plan.step(s), roles));
  }
  for (const RecordedSteps& stretch : plan.recorded) {
    PlanReport::Recorded recorded{.device = plan.step(plan.order[stretch.begin]).device->name().to_string()};
    for (std::size_t i = stretch.begin; i < stretch.end; ++i) {
      const PlanStep& step = plan.step(plan.order[i]);
      recorded.steps += !step.aliased;
      recorded.streams = std::max(recorded.streams, step.stream + 1);
    }
    report.recorded.push_back(std::move(recorded));
  }
  report.not_recorded = plan.not_recorded;
  for (const PlanStep& step : plan.steps) report.profiled = report.profiled || (options.profile && step.runs > 0);
  for (const PlanNote& note : plan.notes) {
    report.notes.push_back({note.node->name(), note.node->op(), value_of(plan.value(note.value)), note.text});
  }
  add_memory(plan, report);
  return report;
}

}  // namespace gradus
