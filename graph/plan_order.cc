// Which steps of a plan run, and in which order: data flow, control dependencies, and the rule for variables: a read comes
// before every assignment that it does not depend on, and assignments come in the order in which they were built.
#include <fmt/format.h>

#include <functional>
#include <queue>
#include <set>

#include "gradus/graph/plan.h"

namespace gradus {
namespace {

using Edges = std::vector<std::vector<int>>;  // step -> steps that come after it

// All steps that come after `from`.
std::vector<bool> descendants(const Edges& next, int from) {
  std::vector<bool> seen(next.size(), false);
  std::vector<int> stack = {from};
  while (!stack.empty()) {
    const int step = stack.back();
    stack.pop_back();
    for (int successor : next[static_cast<std::size_t>(step)]) {
      if (!seen[static_cast<std::size_t>(successor)]) stack.push_back(successor);
      seen[static_cast<std::size_t>(successor)] = true;
    }
  }
  return seen;
}

void add_variable_edges(const Plan& plan, Edges& next) {
  // Variable (value) -> steps that read its memory, each with the assignment whose result it reads (-1: the variable itself).
  std::map<int, std::set<std::pair<int, int>>> users;
  std::map<int, std::set<int>> mutators;  // variable (value) -> steps that overwrite it
  for (int s = 0; s < static_cast<int>(plan.steps.size()); ++s) {
    const PlanStep& step = plan.step(s);
    if (!step.needed) continue;
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      const int root = plan.root(step.inputs[i]);
      if (plan.value(root).storage != Storage::kVariable) continue;
      if (static_cast<int>(i) < mutated_inputs(step)) {
        mutators[root].insert(s);
      } else {
        users[root].emplace(s, plan.value(step.inputs[i]).producer);
      }
    }
  }
  const Edges data = next;  // "depends on" means by data and control only
  for (const auto& [variable, writers] : mutators) {
    for (const int writer : writers) {
      const std::vector<bool> after = descendants(data, writer);
      for (const auto& [user, source] : users[variable]) {
        // Who reads the result of an assignment reads before the later ones; the earlier ones are over by then.
        if (user == writer || source >= writer || after[static_cast<std::size_t>(user)]) continue;
        next[static_cast<std::size_t>(user)].push_back(writer);
      }
      for (const int later : writers) {
        if (later > writer && !descendants(data, later)[static_cast<std::size_t>(writer)]) {
          next[static_cast<std::size_t>(writer)].push_back(later);
        }
      }
    }
  }
}

}  // namespace

void mark_needed_steps(Plan& plan, std::vector<int> roots) {
  while (!roots.empty()) {
    PlanStep& step = plan.step(roots.back());
    roots.pop_back();
    if (step.needed) continue;
    step.needed = true;
    for (int input : step.inputs) {
      if (plan.value(input).producer >= 0) roots.push_back(plan.value(input).producer);
    }
    roots.insert(roots.end(), step.after.begin(), step.after.end());
  }
}

void order_steps(Plan& plan) {
  const int count = static_cast<int>(plan.steps.size());
  for (PlanStep& step : plan.steps) {
    if (is_mutator(step)) plan.value(step.outputs.at(0)).alias_of = step.inputs.at(0);
  }
  Edges next(plan.steps.size());
  for (int s = 0; s < count; ++s) {
    const PlanStep& step = plan.step(s);
    if (!step.needed) continue;
    for (int input : step.inputs) {
      if (plan.value(input).producer >= 0) next[static_cast<std::size_t>(plan.value(input).producer)].push_back(s);
    }
    for (int before : step.after) next[static_cast<std::size_t>(before)].push_back(s);
  }
  add_variable_edges(plan, next);

  std::vector<int> pending(plan.steps.size(), 0);
  for (const auto& successors : next) {
    for (int s : successors) ++pending[static_cast<std::size_t>(s)];
  }
  // Among the ready steps: updates first (they free the gradient they consume), then the order in which they were built.
  const auto key = [&](int s) { return std::pair(is_mutator(plan.step(s)) ? 0 : 1, s); };
  std::priority_queue<std::pair<int, int>, std::vector<std::pair<int, int>>, std::greater<>> ready;
  int needed = 0;
  for (int s = 0; s < count; ++s) {
    if (!plan.step(s).needed) continue;
    ++needed;
    if (pending[static_cast<std::size_t>(s)] == 0) ready.push(key(s));
  }
  while (!ready.empty()) {
    const int s = ready.top().second;
    ready.pop();
    plan.order.push_back(s);
    for (int successor : next[static_cast<std::size_t>(s)]) {
      if (--pending[static_cast<std::size_t>(successor)] == 0) ready.push(key(successor));
    }
  }
  if (static_cast<int>(plan.order.size()) != needed) {
    std::string names;
    for (int s = 0; s < count; ++s) {
      if (plan.step(s).needed && pending[static_cast<std::size_t>(s)] > 0 && is_mutator(plan.step(s)))
        names += " " + plan.step(s).where;
    }
    throw invalid_argument("these assignments and the reads of their variables wait for each other in a circle:" +
                           names + "; order them with a ControlScope");
  }
}

}  // namespace gradus
