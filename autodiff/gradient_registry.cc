#include "gradus/autodiff/gradient_registry.h"

namespace gradus {

GradientContext::GradientContext(Node& node, std::vector<Output> grads, std::vector<bool> needed)
    : node_(&node), grads_(std::move(grads)), needed_(std::move(needed)), result_(node.inputs().size()) {}

Output GradientContext::grad_or_zeros(int i) const {
  return grad(i).valid() ? grad(i) : graph().add("ZerosLike", {output(i)}, {}, "");
}

void GradientRegistry::add(const std::string& op, GradientRule rule) {
  if (entry(op) != nullptr) throw invalid_argument("op '" + op + "' has a gradient (or an explicit none) already");
  entries_.push_back(std::make_unique<Entry>(Entry{op, std::move(rule), ""}));
}

void GradientRegistry::add_none(const std::string& op, const std::string& reason) {
  if (entry(op) != nullptr) throw invalid_argument("op '" + op + "' has a gradient (or an explicit none) already");
  if (reason.empty()) throw invalid_argument("op '" + op + "': say why it has no gradient");
  entries_.push_back(std::make_unique<Entry>(Entry{op, nullptr, reason}));
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
