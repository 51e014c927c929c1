// Every element by its index.
#include "gradus/ops/transpose.h"

#include "gradus/backends/reference/index.h"
#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

// y[i_perm[0], i_perm[1], ...] = x[i_0, i_1, ...]
void transpose(KernelContext& c) {
  const auto& perm = c.attrs<TransposeAttrs>().perm;
  const Tensor& x = c.input(0);
  const int rank = x.shape().rank();
  for_each_index(c.output(0).shape(), [&](const Index& to, std::int64_t i) {
    Index from{};
    for (int d = 0; d < rank; ++d)
      from[perm.empty() ? at(rank - 1 - d) : static_cast<std::size_t>(perm[at(d)])] = to[at(d)];
    copy_element(c.output(0), i, x, position_of(from, x.shape()));
  });
}

}  // namespace

void register_transpose_kernels(KernelRegistry& kernels) { kernels.add("Transpose", kDevice, kAllDTypes, transpose); }

}  // namespace gradus::reference
