#include "gradus/autodiff/gradient_registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gradus {

GradientContext::GradientContext(Node& node, std::vector<Output> grads, std::vector<bool> needed, const Seen& seen)
    : node_(&node), grads_(std::move(grads)), needed_(std::move(needed)), result_(node.inputs().size()), seen_(seen) {}

Output GradientContext::grad_or_zeros(int i) const {
  return grad(i).valid() ? grad(i) : graph().add("ZerosLike", {output(i)}, {}, "");
}

std::size_t GradientContext::checked(const char* what, int i, std::size_t count,
                                     const std::vector<std::string>& names) const {
  if (i >= 0 && static_cast<std::size_t>(i) < count) return static_cast<std::size_t>(i);
  throw invalid_argument(
      fmt::format("{} the gradient rule of {} speaks of {} {}, but the node has {}, counted from 0 ({})",
                  node_->where(), node_->op(), what, i, count, fmt::join(names, ", ")));
}

void GradientRegistry::check_new(const Caller& caller) const {
  if (caller.at.name.empty()) caller.fail("a gradient rule needs the name of its op");
  if (const Entry* other = entry(caller.at.name)) {
    caller.fail(fmt::format("op '{}' has a gradient (or an explicit none) already, registered at {}", caller.at.name,
                            file_and_line(other->location)));
  }
}

void GradientRegistry::add(const std::string& op, GradientRule rule, SourceLocation location) {
  const Caller caller{"gradient_registry().add", op, location};
  check_new(caller);
  if (!rule) caller.fail("the rule is empty; add_none(op, reason) says that an op has no gradient by its nature");
  entries_.emplace(op, Entry{std::move(rule), "", location});
}

void GradientRegistry::add_none(const std::string& op, const std::string& reason, SourceLocation location) {
  const Caller caller{"gradient_registry().add_none", op, location};
  check_new(caller);
  if (reason.empty()) caller.fail(fmt::format("op '{}': say why it has no gradient", op));
  entries_.emplace(op, Entry{nullptr, reason, location});
}

const GradientRegistry::Entry* GradientRegistry::entry(std::string_view op) const {
  const auto found = entries_.find(op);
  return found != entries_.end() ? &found->second : nullptr;
}

const GradientRule* GradientRegistry::find(std::string_view op) const {
  const Entry* e = entry(op);
  return e != nullptr && e->rule ? &e->rule : nullptr;
}

const std::string* GradientRegistry::none_reason(std::string_view op) const {
  const Entry* e = entry(op);
  return e != nullptr && !e->rule ? &e->none_reason : nullptr;
}

}  // namespace gradus
