// The growing list of a plan's steps and constants, what must have run before a value counts as there, and the copies of operands that
// live elsewhere than the step that reads them, one for all that want it there. Internal to graph/.
#pragma once

#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gradus/graph/run/plan.h"
#include "gradus/graph/run/plan_versions.h"

namespace gradus {

class StepList {
 public:
  StepList(Plan& plan, DeviceSet& devices) : plan_(plan), devices_(devices), versions_(plan) {}

  // Appends a step, with a value for each of `results`, which it makes; returns its number.
  int add(PlanStep&& step, const std::vector<TensorInfo>& results);
  // Appends a constant, in host memory or on `device`; returns its value.
  int add_constant(const Node& node, const Tensor& tensor, Device* device = nullptr);

  // The value, which no step computes, counts as there once `steps`, which are not none, have run: whoever takes it, or waits for the
  // node, waits for them. Returns the one to wait for: several are joined by a step on `device` that does nothing, so that lists of
  // them do not grow along the graph.
  int wait_for(const Node& node, int value, const std::vector<int>& steps, Device& device);
  bool waits(int value) const { return ready_after_.contains(value); }
  // Adds the steps that must have run before the values count as there, where no step computes them.
  void add_ready_steps(const std::vector<int>& values, std::vector<int>& steps) const;

  // True when the step, or one that it depends on, changes a variable, prints or checks: it must not be dropped.
  bool has_effect(int step) const { return versions_.has_effect(step); }
  // Operands that are variables become the versions of them that the node sees, which waits for the steps `after` (plan_versions.h);
  // except those that it changes: these stand for the variable's memory, and order_steps puts the assignments in a row.
  void read_versions(const Node& node, const std::vector<int>& after, std::vector<int>& inputs);
  // The values `inputs`, or copies of them: on `device`, but for host operands, which are in host memory.
  std::vector<int> on_device(const OpDef& def, const std::vector<int>& inputs, Device* device);

 private:
  int append(PlanStep&& step);
  int copy_to(int value, Device* device);
  int uploaded(int constant, Device* device);
  void add_versions(PlanStep& step, int index);

  Plan& plan_;
  DeviceSet& devices_;
  VariableVersions versions_;
  std::map<std::pair<int, Device*>, int> copies_;
  std::unordered_map<int, int> ready_after_;  // per value that no step computes: the step that must have run before
};

}  // namespace gradus
