// Every op case that has a kernel for GPUs, on the emulator, against the reference in float64: in each dtype, in random orders of
// threads; plans optimised, which compute in place where they may, and not, with poisoned outputs and shapes known late.
#include <gradus/core/kernel.h>
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cases/case_runner.h"
#include "tests/cuda/device_cases.h"
#include "tests/cuda_emulator/emulator.h"

namespace gradus {
namespace {

using cases::OpCase;

// ThreadSanitizer, for which each CUDA thread is a thread, looks for races: a few cases of each kernel are enough for that.
#ifdef GRADUS_EMULATOR_TSAN
constexpr int kMostCases = 3;
constexpr bool kEveryDType = false;
#else
constexpr int kMostCases = 1000;
constexpr bool kEveryDType = true;
#endif

void expect_agreement(const OpCase& c, DType dtype, const std::vector<Tensor>& values, bool optimize) {
  static std::uint64_t seed = 0;
  cuda_emulator::reset({.seed = ++seed});
  SCOPED_TRACE(c.op + " " + c.name + " " + dtype_name(dtype) + (optimize ? ", optimised" : ", plain"));
  EXPECT_EQ(testing::disagreement(c, dtype, values, {.optimize = optimize}), "") << cuda_emulator::failure();
  const cuda_emulator::Counts left = cuda_emulator::counts();
  EXPECT_EQ(left.live_allocations + left.live_streams + left.live_events, 0U);
}

class CudaCases : public ::testing::TestWithParam<std::string> {};

TEST_P(CudaCases, AgreesWithTheReference) {
  int count = 0;
  for (const OpCase& c : cases::all_op_cases()) {
    if (c.op != GetParam() || count++ >= kMostCases) continue;
    bool first = true;
    cases::for_each_dtype(c, 3, [&](DType dtype, const std::vector<Tensor>& values) {
      if (!kEveryDType && !std::exchange(first, false)) return;
      for (const bool optimize : {true, false}) expect_agreement(c, dtype, values, optimize);
    });
  }
  EXPECT_GT(count, 0);
}

INSTANTIATE_TEST_SUITE_P(Ops, CudaCases, ::testing::ValuesIn(testing::ops_with_cases_and_kernels("cuda")),
                         [](const auto& tested) { return tested.param; });

// The others run on the CPU, and say why. Whoever writes a kernel takes its op out here.
TEST(CudaKernels, AreThereForAllOpsBut) {
  std::set<std::string> without;
  for (const std::string& op : kernel_registry().ops()) {
    const std::vector<const KernelDef*> kernels = kernel_registry().for_op(op);
    if (std::any_of(kernels.begin(), kernels.end(), [](const KernelDef* k) { return k->device_type == "cuda"; }))
      continue;
    without.insert(op);
    EXPECT_NE(kernel_registry().cpu_only_reason(op, "cuda"), nullptr) << op;
  }
  EXPECT_EQ(without, std::set<std::string>{"Print"});
}

}  // namespace
}  // namespace gradus
