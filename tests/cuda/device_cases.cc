#include "tests/cuda/device_cases.h"

#include <set>

#include "cases/case_runner.h"
#include "gradus/core/error.h"
#include "gradus/core/kernel.h"

namespace gradus::testing {

std::vector<std::string> ops_with_cases_and_kernels(const std::string& device_type) {
  std::set<std::string> with_cases;
  for (const cases::OpCase& c : cases::all_op_cases()) with_cases.insert(c.op);
  std::set<std::string> ops;
  for (const KernelDef* kernel : kernel_registry().of_device(device_type)) {
    if (with_cases.contains(kernel->op)) ops.insert(kernel->op);
  }
  return {ops.begin(), ops.end()};
}

std::string disagreement(const cases::OpCase& op_case, DType dtype, const std::vector<Tensor>& values,
                         const DeviceRun& run) {
  const SessionOptions options{
      .device = run.device, .seed = 5, .optimize = run.optimize, .poison_outputs = !run.optimize};
  try {
    const std::vector<Tensor> reference =
        cases::run_case(op_case, cases::in_float64(op_case, values), {.device = "ref:0", .seed = 5});
    std::vector<Tensor> results = cases::run_case(op_case, values, options, {.unknown_shapes = !run.optimize});
    if (run.tamper) run.tamper(results);
    return cases::compare_with_reference(op_case, dtype, results, reference);
  } catch (const Error& error) {
    return error.full_text();
  }
}

}  // namespace gradus::testing
