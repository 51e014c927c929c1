// Every op case that has a kernel for GPUs, on the emulator, against the reference in float64: in each dtype, in random orders of
// threads, with poisoned outputs; plans optimised and not, shapes known early and late.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include "cases/case_runner.h"
#include "tests/cuda_emulator/emulator.h"

namespace gradus {
namespace {

using cases::OpCase;

bool has_kernel(const OpCase& c) {
  for (const KernelDef* kernel : kernel_registry().for_op(c.op)) {
    if (kernel->device_type == "cuda") return true;
  }
  return false;
}

std::vector<OpCase> cases_of_cuda() {
  std::vector<OpCase> result;
  for (const OpCase& c : cases::all_op_cases()) {
    if (has_kernel(c)) result.push_back(c);
  }
  return result;
}

TEST(CudaCases, EveryCaseAgreesWithTheReference) {
  std::uint64_t seed = 1;
  int count = 0;
  for (const OpCase& c : cases_of_cuda()) {
    cases::for_each_dtype(c, 3, [&](DType dtype, const std::vector<Tensor>& values) {
      const std::vector<Tensor> reference =
          cases::run_case(c, cases::in_float64(c, values), {.device = "ref:0", .seed = 5});
      for (const bool optimize : {true, false}) {
        cuda_emulator::reset({.seed = ++seed});
        const std::string what = c.op + " " + c.name + " " + dtype_name(dtype) + (optimize ? ", optimised" : ", plain");
        const SessionOptions options{.device = "cuda:0", .seed = 5, .optimize = optimize, .poison_outputs = true};
        try {
          const std::vector<Tensor> results = cases::run_case(c, values, options, {.unknown_shapes = !optimize});
          EXPECT_EQ(cases::compare_with_reference(c, dtype, results, reference), "") << what;
          ++count;
        } catch (const Error& error) {
          ADD_FAILURE() << what << ": " << error.full_text() << " " << cuda_emulator::failure();
        }
        const cuda_emulator::Counts left = cuda_emulator::counts();
        EXPECT_EQ(left.live_allocations + left.live_streams + left.live_events, 0U) << what;
      }
    });
  }
  EXPECT_GT(count, 500);
}

}  // namespace
}  // namespace gradus
