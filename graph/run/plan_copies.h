// Operands where the steps of a plan read them: what lives elsewhere is copied, once for all that want it there. Internal to graph/.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "gradus/graph/run/plan_steps.h"

namespace gradus {

class OperandCopies {
 public:
  OperandCopies(Plan& plan, StepList& steps, DeviceSet& devices) : plan_(plan), steps_(steps), devices_(devices) {}

  // The values `inputs`, or copies of them: on `device`, but for host operands, which are in host memory.
  std::vector<int> on_device(const OpDef& def, const std::vector<int>& inputs, Device* device);

 private:
  int copy_to(int value, Device* device);
  int uploaded(int constant, Device* device);

  Plan& plan_;
  StepList& steps_;
  DeviceSet& devices_;
  std::map<std::pair<int, Device*>, int> copies_;
};

}  // namespace gradus
