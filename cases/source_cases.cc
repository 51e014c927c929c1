// Cases of the source ops that compute something, and of CustomGradient.
#include "cases/all_cases.h"
#include "gradus/ops/custom_gradient.h"

namespace gradus::cases {

void add_source_cases(std::vector<OpCase>& cases) {
  const std::vector<DType> floating = {DType::kFloat16, DType::kFloat32, DType::kFloat64};
  cases.push_back({.op = "Identity", .name = "matrix", .operands = {real({2, 3})}, .dtypes = floating});
  cases.push_back({.op = "Identity", .name = "scalar", .operands = {real({})}});
  cases.push_back({.op = "Identity", .name = "empty", .operands = {real({0, 3})}});
  cases.push_back({.op = "StopGradient", .name = "matrix", .operands = {real({2, 3})}, .dtypes = floating});
  for (const char* op : {"Assign", "AssignAdd", "AssignSub"}) {
    cases.push_back({.op = op, .name = "matrix", .operands = {real({2, 3}), real({2, 3})}});
  }

  CustomGradientAttrs two_identities;
  two_identities.num_outputs = 2;
  two_identities.backward = std::make_shared<const CustomBackward>(
      [](const std::vector<Output>&, const std::vector<Output>&, const std::vector<Output>& grads) { return grads; });
  cases.push_back(
      {.op = "CustomGradient",
       .name = "two_results",
       .operands = {real({2, 3}), real({4}), real({2, 3}), real({4})},
       .attrs = two_identities,
       .max_order = 0,
       .max_order_reason = "the gradient is whatever the user writes; tests/autodiff/custom_gradient_test.cc"});
}

}  // namespace gradus::cases
