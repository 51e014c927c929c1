// The gradient of transpose: the inverse permutation.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/transpose.h"

namespace gradus {
namespace {

void transpose_gradient(GradientContext& c) {
  const auto& perm = c.attrs<TransposeAttrs>().perm;
  std::vector<std::int64_t> inverse(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i)
    inverse[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
  c.set(0, transpose(c.grad(), inverse));
}

}  // namespace

void register_transpose_gradients(GradientRegistry& registry) { registry.add("Transpose", transpose_gradient); }

}  // namespace gradus
