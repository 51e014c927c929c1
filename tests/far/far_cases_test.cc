// Every op case on a device whose memory is not the host's: the same bits as the reference, whose kernels run there, with the plan
// optimised and not, and with poisoned outputs.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include "cases/case_runner.h"
#include "tests/support/far_device.h"

namespace gradus {
namespace {

using cases::OpCase;

std::string name_of(const OpCase& c) { return c.op + " " + c.name; }

void expect_same_bits(const std::vector<Tensor>& far, const std::vector<Tensor>& reference, const std::string& what) {
  ASSERT_EQ(far.size(), reference.size()) << what;
  for (std::size_t i = 0; i < far.size(); ++i) {
    EXPECT_TRUE(bit_equal(far[i], reference[i]))
        << what << ", result " << i << ": " << far[i] << "; the reference has " << reference[i];
  }
}

TEST(FarCases, EveryCaseHasTheReferencesBits) {
  for (const OpCase& c : cases::all_op_cases()) {
    cases::for_each_dtype(c, 3, [&](DType dtype, const std::vector<Tensor>& values) {
      const std::vector<Tensor> reference = cases::run_case(c, values, {.device = "ref:0", .seed = 5});
      for (const bool optimize : {true, false}) {
        for (const bool unknown_shapes : {false, true}) {
          const SessionOptions options{.device = "far:0", .seed = 5, .optimize = optimize, .poison_outputs = true};
          const std::string what = name_of(c) + " " + dtype_name(dtype) + (optimize ? ", optimised" : ", plain") +
                                   (unknown_shapes ? ", shapes unknown" : "");
          try {
            expect_same_bits(cases::run_case(c, values, options, {.unknown_shapes = unknown_shapes}), reference, what);
          } catch (const Error& error) {
            ADD_FAILURE() << what << ": " << error.full_text();
          }
        }
      }
    });
  }
}

// The gradients of the sum of all results, and the gradients of those.
TEST(FarCases, GradientsOfOrder1And2HaveTheReferencesBits) {
  for (const OpCase& c : cases::all_op_cases()) {
    const int order = cases::order_of(c);
    if (order == 0) continue;
    const std::vector<Tensor> values = cases::operand_values(c, DType::kFloat64, 4);
    cases::CaseGraph built(c, values);
    std::vector<Output> ys, wanted;
    for (const Output& y : built.outputs) {
      if (is_floating(y.dtype())) ys.push_back(reduce_sum(square(y)));
    }
    for (int k = 0; k < order; ++k) {
      const std::vector<Output> dxs = gradients(add_n(ys), built.reals, {}, Unconnected::kZeros);
      wanted.insert(wanted.end(), dxs.begin(), dxs.end());
      ys.clear();
      for (const Output& dx : dxs) ys.push_back(reduce_sum(square(dx)));
    }
    const auto on = [&](const char* device) {
      return Session(built.graph, {.device = device, .poison_outputs = true}).run(built.feeds, wanted);
    };
    expect_same_bits(on("far:0"), on("ref:0"), name_of(c));
  }
}

}  // namespace
}  // namespace gradus
