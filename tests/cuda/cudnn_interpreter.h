// Carries out cuDNN's plans on the CPU, from what the finalised plan says of itself in JSON: every tensor's sizes, strides, type and
// number, the paddings, strides and dilations. Naive loops in float64. Thus descriptors are proven by numbers without a GPU.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace gradus::testing {

// Where a plan's tensors lie in memory, by their numbers.
using PlanMemory = std::map<std::string, void*>;

// A plan, read once and run any number of times. Throws std::runtime_error for what it does not know, and for what a GPU's memory would not
// forgive: a tensor that is not bound, or not aligned as it says.
class InterpretedPlan {
 public:
  explicit InterpretedPlan(const std::string& json);
  ~InterpretedPlan();
  // Calls check(address, bytes) for each tensor's whole extent.
  void check(const PlanMemory& memory, const std::function<void(const void*, std::size_t)>& check) const;
  void run(const PlanMemory& memory) const;

 private:
  struct Contents;
  std::unique_ptr<Contents> contents_;
};

}  // namespace gradus::testing
