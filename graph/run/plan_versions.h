// Variables have values, not aliases: each assignment of a run makes a new version of its variable, and who reads a variable
// reads one version. This class answers which. Internal to graph/.
//
// The rule (docs/sessions.md): a node that takes a Variable as an operand reads the version made by the last assignment among
// what its own control dependencies need, directly or through other nodes; without such an assignment, the value from before the
// run. Assignments to one variable happen in the order in which they were built.
#pragma once

#include <unordered_map>
#include <vector>

#include "gradus/graph/run/plan.h"

namespace gradus {

class VariableVersions {
 public:
  explicit VariableVersions(const Plan& plan) : plan_(plan) {}

  // To be called for every step that is added to the plan, in order.
  void add_step();
  // True when the step, or one that it depends on, changes a variable, prints or checks: it must not be dropped.
  bool has_effect(int step) const { return effects_[at(step)]; }
  // The value that holds the version of `variable` (its value before the run) seen after the steps `after`.
  int seen_after(int variable, const std::vector<int>& after);

 private:
  const Plan& plan_;
  std::vector<bool> effects_;
  std::vector<int> last_writer_;  // per step: the last among it and all it depends on that changes any variable, or -1
  struct Writer {
    int step, version;
  };
  std::unordered_map<int, std::vector<Writer>> writers_;  // by variable
  std::vector<int> visited_;                              // per step: the last search that came by
  int search_ = 0;
};

}  // namespace gradus
