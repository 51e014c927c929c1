// An element-wise formula of two operands.
#include <cmath>

#include "gradus/backends/cpu/elementwise.h"
#include "gradus/backends/cpu/exponential.h"
#include "gradus/backends/cpu/logarithm.h"

namespace gradus::cpu {

// loss = x * (1 - z) or -x * z, whichever is for x's sign, + log(1 + e^-|x|), of label z and logit x. A factor of 0 makes the product 0
// even for an infinite x.
void register_sigmoid_cross_entropy_kernels(KernelRegistry& kernels) {
  add_same_shape(kernels, "SigmoidCrossEntropyWithLogits", [](auto z, auto x) {
    const auto weight = x > 0 ? 1 - z : -z;
    const auto product = weight * x;
    return (weight == 0 ? 0 : product) + logarithm_of_one_plus(exponential(-std::abs(x)));
  });
}

}  // namespace gradus::cpu
