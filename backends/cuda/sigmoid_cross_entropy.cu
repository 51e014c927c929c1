// An element-wise formula of two operands.
#include "gradus/backends/cuda/elementwise.h"
#include "gradus/backends/formulas/binary.h"

namespace gradus::cuda {

void register_sigmoid_cross_entropy_kernels(KernelRegistry& kernels) {
  add_elementwise(kernels, "SigmoidCrossEntropyWithLogits", formulas::real_of_one_shape<2>,
                  formulas::SigmoidCrossEntropy{});
}

}  // namespace gradus::cuda
