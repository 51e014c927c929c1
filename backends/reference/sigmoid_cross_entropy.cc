// TensorFlow's formula, which does not overflow.
#include "gradus/ops/sigmoid_cross_entropy.h"

#include <cmath>

#include "gradus/backends/reference/elementwise.h"
#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

// A factor of 0 makes the product 0, whatever the other is.
double product(double weight, double x) { return weight == 0.0 ? 0.0 : weight * x; }

}  // namespace

void register_sigmoid_cross_entropy_kernels(KernelRegistry& kernels) {
  // z is the label, x the logit: max(x, 0) - x * z + log(1 + exp(-|x|))
  kernels.add("SigmoidCrossEntropyWithLogits", kDevice, kFloating, real_elementwise<2>([](double z, double x) {
                return (x > 0 ? product(1 - z, x) : product(z, -x)) + std::log1p(std::exp(-std::abs(x)));
              }));
}

}  // namespace gradus::reference
