// Gradient rules: how dy/d(outputs) of a node becomes dy/d(inputs), written as more graph.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus {

// What a rule sees: the forward node, the gradients that arrived, and which inputs' gradients somebody asked for.
//
//   void multiply_gradient(GradientContext& c) {          // z = x * y, with broadcasting
//     if (c.needs(0)) c.set(0, sum_to_shape_of(c.grad() * c.input(1), c.input(0)));
//     if (c.needs(1)) c.set(1, sum_to_shape_of(c.grad() * c.input(0), c.input(1)));
//   }
class GradientContext {
 public:
  // What the rule sees in place of a forward value, where that is computed again (graph/recompute_scope.h).
  using Seen = std::function<Output(const Output&)>;
  GradientContext(Node& node, std::vector<Output> grads, std::vector<bool> needed, const Seen& seen = {});

  Node& node() const { return *node_; }
  Graph& graph() const { return node_->graph(); }
  int num_inputs() const { return static_cast<int>(node_->inputs().size()); }
  Output input(int i) const { return seen_ ? seen_(node_->input(i)) : node_->input(i); }
  Output output(int i = 0) const { return seen_ ? seen_(node_->output(i)) : node_->output(i); }
  template <class T>
  const T& attrs() const {
    return node_->attrs_as<T>();
  }

  // All that follow throw InvalidArgument, naming the node and the rule, for an input or output that the node does not have.
  // True when the gradient for input i is wanted, as that of an op's only floating input always is. Rules build nothing for the
  // others.
  bool needs(int i) const { return needed_[checked_input(i)]; }
  // The gradient that arrived for output i. Always there for an op with one output; for others it may be invalid
  // ("none").
  Output grad(int i = 0) const { return grads_[checked_output(i)]; }
  // grad(i), or zeros of output i's shape where none arrived.
  Output grad_or_zeros(int i) const;

  // The gradient for input i, of the input's shape and dtype. Leaving it unset means the input does not influence the
  // result (a zero gradient): integer operands, sizes.
  void set(int i, Output gradient) { result_[checked_input(i)] = gradient; }
  const std::vector<Output>& result() const { return result_; }

 private:
  std::size_t checked_input(int i) const { return checked("input", i, result_.size(), node_->def().inputs); }
  std::size_t checked_output(int i) const { return checked("output", i, grads_.size(), node_->def().outputs); }
  std::size_t checked(const char* what, int i, std::size_t count, const std::vector<std::string>& names) const;

  Node* node_;
  std::vector<Output> grads_;
  std::vector<bool> needed_;
  std::vector<Output> result_;
  Seen seen_;
};

using GradientRule = std::function<void(GradientContext&)>;

class GradientRegistry {
 public:
  // Throws InvalidArgument when the op has a rule (or an explicit none) already, for an empty name and an empty rule.
  void add(const std::string& op, GradientRule rule, SourceLocation location = SourceLocation::current());
  // The op has no derivative, or a derivative of zero, by its nature (argmax, shape, equal). `reason` is shown by the
  // docs. The gradient stops here, silently; a forgotten rule in contrast is an error that names the path.
  void add_none(const std::string& op, const std::string& reason, SourceLocation location = SourceLocation::current());

  const GradientRule* find(std::string_view op) const;        // nullptr when there is no rule
  const std::string* none_reason(std::string_view op) const;  // nullptr unless add_none was called

 private:
  struct Entry {
    GradientRule rule;
    std::string none_reason;
    SourceLocation location;
  };
  void check_new(const Caller& caller) const;
  const Entry* entry(std::string_view op) const;       // nullptr when nothing is known of the op
  std::map<std::string, Entry, std::less<>> entries_;  // by op
};

// The rules used by gradients(), filled on first use (gradus.cc).
GradientRegistry& gradient_registry();

}  // namespace gradus
