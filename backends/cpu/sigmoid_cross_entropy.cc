#include "gradus/ops/sigmoid_cross_entropy.h"

#include <cmath>

#include "gradus/backends/cpu/elementwise.h"
#include "gradus/backends/cpu/exponential.h"
#include "gradus/backends/cpu/logarithm.h"

namespace gradus::cpu {
namespace {

constexpr std::int64_t kBlock = 256;

// loss = x * (1 - z) or -x * z, whichever is for x's sign, + log(1 + e^-|x|). A factor of 0 makes the product 0 even for an
// infinite x. `loss` may be one of the operands.
template <class T>
void loss_block(const T* labels, const T* logits, T* loss, std::int64_t n) {
  GRADUS_INDEPENDENT_ITERATIONS
  for (std::int64_t i = 0; i < n; ++i) {
    const T x = logits[i], weight = x > 0 ? 1 - labels[i] : -labels[i];
    const T product = weight * x;
    loss[i] = (weight == 0 ? T{0} : product) + logarithm_of_one_plus(exponential(-std::abs(x)));
  }
}

template <class T>
void sigmoid_cross_entropy(KernelContext& c) {
  const T *const labels = c.input(0).data<T>(), *const logits = c.input(1).data<T>();
  T* const loss = c.output(0).data<T>();
  c.parallel_for(c.output(0).num_elements(), kComputeChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += kBlock) {
      const std::int64_t n = std::min(kBlock, end - first);
      if constexpr (std::is_same_v<T, Float16>) {
        float z[kBlock], x[kBlock];
        widen(labels + first, z, n);
        widen(logits + first, x, n);
        loss_block(z, x, x, n);
        narrow(x, loss + first, n);
      } else {
        loss_block(labels + first, logits + first, loss + first, n);
      }
    }
  });
}

}  // namespace

void register_sigmoid_cross_entropy_kernels(KernelRegistry& kernels) {
  for_each_floating([&]<class T>(TypeTag<T>) {
    kernels.add("SigmoidCrossEntropyWithLogits", kDevice, {dtype_of<T>}, sigmoid_cross_entropy<T>);
  });
}

}  // namespace gradus::cpu
