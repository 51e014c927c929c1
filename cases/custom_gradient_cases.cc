#include "gradus/ops/custom_gradient.h"

#include "cases/all_cases.h"

namespace gradus::cases {

void add_custom_gradient_cases(std::vector<OpCase>& cases) {
  CustomGradientAttrs two_identities;
  two_identities.num_outputs = 2;
  two_identities.backward = std::make_shared<const CustomBackward>(
      [](const std::vector<Output>&, const std::vector<Output>&, const std::vector<Output>& grads) { return grads; });
  cases.push_back(
      {.op = "CustomGradient",
       .name = "two_results",
       .operands = {real({2, 3}), real({4}), real({2, 3}), real({4})},
       .attrs = two_identities,
       .dtypes = kCaseDTypes,
       .max_order = 0,
       .max_order_reason = "the gradient is whatever the user writes; tests/autodiff/custom_gradient_test.cc"});
}

}  // namespace gradus::cases
