// A copy by a loop nest over strides (strided_copy.h).
#include "gradus/ops/transpose.h"

#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"

namespace gradus::cpu {
namespace {

void transpose(KernelContext& c) {
  const auto& perm = c.attrs<TransposeAttrs>().perm;
  const Shape& y = c.output(0).shape();
  const auto to = row_major_strides(y), from = row_major_strides(c.input(0).shape());
  LoopNest nest;
  for (int d = 0; d < y.rank(); ++d) {
    nest.add(y[d], {to[d], from[perm.empty() ? y.rank() - 1 - d : static_cast<int>(perm[at(d)])]});
  }
  strided_copy(c, nest, c.output(0).raw(), c.input(0).raw(), dtype_size(c.output(0).dtype()));
}

}  // namespace

void register_transpose_kernels(KernelRegistry& kernels) { kernels.add("Transpose", kDevice, kAllDTypes, transpose); }

}  // namespace gradus::cpu
