#include <fmt/format.h>

#include <map>

#include "cases/case_runner.h"
#include "gradus/gradus.h"
#include "tests/cuda/device_cases.h"
#include "tests/gpu_check/checks.h"
#include "tests/gpu_check/machine.h"
#include "tests/gpu_check/planted.h"

namespace gradus::gpu_check {
namespace {

std::vector<std::string> chosen_ops(const CaseOptions& options) {
  std::vector<std::string> ops;
  for (const std::string& op : testing::ops_with_cases_and_kernels("cuda")) {
    if (op.find(options.only) != std::string::npos) ops.push_back(op);
  }
  const auto most = static_cast<std::size_t>(options.ops);
  if (most == 0 || most >= ops.size()) return ops;
  std::vector<std::string> chosen;
  for (std::size_t i = 0; i < most; ++i) chosen.push_back(ops[i * ops.size() / most]);
  return chosen;
}

}  // namespace

void check_cases(const CaseOptions& options, Report& report) {
  std::map<std::string, int> cases_of_op;
  for (const std::string& op : chosen_ops(options)) cases_of_op[op] = 0;
  int cases = 0;
  for (const cases::OpCase& c : cases::all_op_cases()) {
    const auto op = cases_of_op.find(c.op);
    if (op == cases_of_op.end() || (options.per_op > 0 && op->second >= options.per_op)) continue;
    ++op->second;
    ++cases;
    bool first = true;
    cases::for_each_dtype(c, 3, [&](DType dtype, const std::vector<Tensor>& values) {
      if (!first && !options.every_dtype) return;
      first = false;
      for (const bool optimize : {true, false}) {
        fresh_machine();
        const auto change = [](std::vector<Tensor>& results) { tamper("cases", results); };
        std::string wrong = testing::disagreement(c, dtype, values, {.optimize = optimize, .tamper = change});
        if (!wrong.empty()) wrong += " " + first_failure();
        report.add(fmt::format("{} {} {}, {}", c.op, c.name, dtype_name(dtype), optimize ? "optimised" : "plain"),
                   wrong);
      }
    });
  }
  report.set_summary(fmt::format("{} cases of {} ops, {} runs", cases, cases_of_op.size(), report.checked()));
}

}  // namespace gradus::gpu_check
