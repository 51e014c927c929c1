// Op cases on a device with kernels of its own, against the reference in float64. For the tests on the emulator and for the check of a
// real GPU (tests/gpu_check).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cases/op_case.h"

namespace gradus::testing {

// The ops that have both cases and kernels for this type of device, sorted.
std::vector<std::string> ops_with_cases_and_kernels(const std::string& device_type);

struct DeviceRun {
  std::string device = "cuda:0";
  // Plans optimised, which compute in place where they may; or plain, with poisoned outputs and shapes known late.
  bool optimize = true;
  // Gets the results before they are compared: for tests of the comparison.
  std::function<void(std::vector<Tensor>&)> tamper = {};
};

// What is wrong with the case's results for these operand values, which are in `dtype` where they are real; "" where nothing is. An
// error of either run is text as well.
std::string disagreement(const cases::OpCase& op_case, DType dtype, const std::vector<Tensor>& values,
                         const DeviceRun& run);

}  // namespace gradus::testing
