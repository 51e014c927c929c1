// The text of Session::explain: what is fed, variables and constants, one line per step in run order, then what was folded,
// shared or fused into a step, then the memory.
#include <fmt/format.h>

#include "gradus/graph/plan.h"

namespace gradus {
namespace {

std::string place_of(const Plan& plan, int id) {
  const PlanValue& v = plan.value(id);
  const int root_id = plan.root(id);
  const PlanValue& root = plan.value(root_id);
  if (root_id != id) {
    const char* what = root.storage == Storage::kVariable ? "in variable"
                       : root.storage == Storage::kFeed   ? "in feed"
                                                          : "in memory of";
    return fmt::format("{} '{}'{}", what, root.source->name(),
                       root.storage == Storage::kArena ? fmt::format(" @{}", root.offset) : "");
  }
  return v.storage == Storage::kArena ? fmt::format("@{}", v.offset) : "";
}

std::string tensor_text(const PlanValue& v) {
  return fmt::format("{} {} {} bytes", dtype_name(v.dtype), v.shape.to_string(), v.bytes);
}

std::string line_of(const Plan& plan, const PlanStep& step, const SessionOptions& options) {
  std::string text = fmt::format("{:<28} {:<24} {:<6} ", step.node->name(), step.is_copy ? "Copy" : step.node->op(),
                                 step.device->name().to_string());
  for (std::size_t i = 0; i < step.outputs.size(); ++i) {
    const PlanValue& v = plan.value(step.outputs[i]);
    text += fmt::format("{}{} {}", i == 0 ? "" : "; ", tensor_text(v), place_of(plan, step.outputs[i]));
  }
  text += fmt::format(" | placed: {}", step.reason);
  if (step.aliased) {
    text += " | view, nothing runs";
  } else if (step.kernel != nullptr) {
    text += fmt::format(" | kernel: {}", step.kernel->description.empty() ? step.kernel->op : step.kernel->description);
    if (step.context.scratch_bytes_ > 0) text += fmt::format(", scratch {} bytes", step.context.scratch_bytes_);
  }
  for (std::size_t i = 0; i < step.fused.size(); ++i)
    text += fmt::format("{} '{}'", i == 0 ? " | fused with:" : ",", step.fused[i]->name());
  if (options.profile && step.runs > 0)
    text += fmt::format(" | {:.4f} ms", step.total_ms / static_cast<double>(step.runs));
  return text;
}

}  // namespace

std::string explain_plan(const Plan& plan, const SessionOptions& options) {
  std::string text = fmt::format("plan: {} steps, {} runs\n", plan.order.size(), plan.runs);
  for (const int id : plan.feed_values) {
    if (id >= 0) text += fmt::format("{:<28} fed: {}\n", plan.value(id).source->name(), tensor_text(plan.value(id)));
  }
  for (const PlanValue& v : plan.values) {
    if (v.storage == Storage::kVariable) {
      text += fmt::format("{:<28} variable: {} on {} | placed: {}\n", v.source->name(), tensor_text(v),
                          v.device->name().to_string(), v.variable->reason);
    } else if (v.storage == Storage::kConstant && v.source->def().kind == OpKind::kConstant) {
      text += fmt::format("{:<28} constant: {} in host memory\n", v.source->name(), tensor_text(v));
    }
  }
  for (const int s : plan.order) text += line_of(plan, plan.step(s), options) + "\n";
  for (const PlanNote& note : plan.notes) {
    text += fmt::format("{:<28} {:<24} {} | {}\n", note.node->name(), note.node->op(),
                        tensor_text(plan.value(note.value)), note.text);
  }
  for (const auto& [device, bytes] : plan.arena_bytes)
    text += fmt::format("arena on {}: {} bytes\n", device->name().to_string(), bytes);
  return text;
}

}  // namespace gradus
