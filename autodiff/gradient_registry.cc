#include "gradus/autodiff/gradient_registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gradus {

GradientContext::GradientContext(Node& node, std::vector<Output> grads, std::vector<bool> needed)
    : node_(&node), grads_(std::move(grads)), needed_(std::move(needed)), result_(node.inputs().size()) {}

Output GradientContext::grad_or_zeros(int i) const {
  return grad(i).valid() ? grad(i) : graph().add("ZerosLike", {output(i)}, {}, "");
}

std::size_t GradientContext::checked_input(int i) const {
  if (i >= 0 && i < num_inputs()) return static_cast<std::size_t>(i);
  throw invalid_argument(
      fmt::format("{} the gradient rule of {} speaks of input {}, but the node has {}, counted from 0 ({})",
                  node_->where(), node_->op(), i, num_inputs(), fmt::join(node_->def().inputs, ", ")));
}

std::size_t GradientContext::checked_output(int i) const {
  if (i >= 0 && i < node_->num_outputs()) return static_cast<std::size_t>(i);
  throw invalid_argument(
      fmt::format("{} the gradient rule of {} speaks of output {}, but the node has {}, counted from 0 ({})",
                  node_->where(), node_->op(), i, node_->num_outputs(), fmt::join(node_->def().outputs, ", ")));
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
  entries_.push_back(std::make_unique<Entry>(Entry{op, std::move(rule), "", location}));
}

void GradientRegistry::add_none(const std::string& op, const std::string& reason, SourceLocation location) {
  const Caller caller{"gradient_registry().add_none", op, location};
  check_new(caller);
  if (reason.empty()) caller.fail(fmt::format("op '{}': say why it has no gradient", op));
  entries_.push_back(std::make_unique<Entry>(Entry{op, nullptr, reason, location}));
}

const GradientRegistry::Entry* GradientRegistry::entry(std::string_view op) const {
  for (const auto& e : entries_) {
    if (e->op == op) return e.get();
  }
  return nullptr;
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
