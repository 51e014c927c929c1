// Every case of every op in every mode: against the reference backend in float64, with poisoned outputs, with 1, 2
// and 3 threads, with shapes unknown until the run, and its gradients against finite differences.
#include <gtest/gtest.h>

#include <set>

#include "cases/all_cases.h"
#include "cases/case_runner.h"

namespace gradus::cases {
namespace {

constexpr std::uint64_t kSeed = 5;

std::vector<std::string> ops_with_cases() {
  std::set<std::string> ops;
  for (const OpCase& c : all_op_cases()) ops.insert(c.op);
  return {ops.begin(), ops.end()};
}

std::vector<const OpCase*> cases_of(const std::string& op) {
  std::vector<const OpCase*> cases;
  for (const OpCase& c : all_op_cases()) {
    if (c.op == op) cases.push_back(&c);
  }
  return cases;
}

SessionOptions on(const char* device, int threads = 1) {
  return {.device = device, .seed = kSeed, .num_threads = threads, .poison_outputs = true};
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!bit_equal(a[i], b[i])) return false;
  }
  return true;
}

class OpHarness : public ::testing::TestWithParam<std::string> {};

// Calls test(case, dtype, operand values) for every case of the op in each of its dtypes.
template <class Test>
void for_each_run(const std::string& op, Test test) {
  for (const OpCase* c : cases_of(op)) {
    for_each_dtype(*c, kSeed, [&](DType dtype, const std::vector<Tensor>& values) {
      SCOPED_TRACE(op + " " + c->name + " " + dtype_name(dtype));
      try {
        test(*c, dtype, values);
      } catch (const Error& error) {
        ADD_FAILURE() << error.full_text();
      }
    });
  }
}

TEST_P(OpHarness, AgreesWithTheReferenceInFloat64) {
  for_each_run(GetParam(), [](const OpCase& c, DType dtype, const std::vector<Tensor>& values) {
    const std::vector<Tensor> reference = run_case(c, in_float64(c, values), on("ref:0"));
    EXPECT_EQ(compare_with_reference(c, dtype, run_case(c, values, on("cpu:0")), reference), "") << "on cpu:0";
    EXPECT_EQ(compare_with_reference(c, dtype, run_case(c, values, on("ref:0")), reference), "") << "on ref:0";
  });
}

TEST_P(OpHarness, HasTheSameBitsForAnyNumberOfThreadsAndForShapesKnownLate) {
  for_each_run(GetParam(), [](const OpCase& c, DType, const std::vector<Tensor>& values) {
    const std::vector<Tensor> one = run_case(c, values, on("cpu:0", 1));
    EXPECT_TRUE(same_bits(one, run_case(c, values, on("cpu:0", 2)))) << "2 threads";
    EXPECT_TRUE(same_bits(one, run_case(c, values, on("cpu:0", 3)))) << "3 threads";
    EXPECT_TRUE(same_bits(one, run_case(c, values, on("cpu:0", 1), {.unknown_shapes = true}))) << "unknown shapes";
  });
}

TEST_P(OpHarness, HasTheGradientsOfFiniteDifferences) {
  for (const OpCase* c : cases_of(GetParam())) {
    const int order = order_of(*c);
    if (order == 0) continue;
    SCOPED_TRACE(GetParam() + " " + c->name);
    try {
      const GradientReport report = check_case(*c, order);
      for (const GradientCheck& check : report.checks) {
        EXPECT_EQ(check.verdict, Verdict::kPass) << GradientReport{{check}};
      }
    } catch (const Error& error) {
      ADD_FAILURE() << error.full_text();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, OpHarness, ::testing::ValuesIn(ops_with_cases()),
                         [](const ::testing::TestParamInfo<std::string>& parameter) { return parameter.param; });

}  // namespace
}  // namespace gradus::cases
