#include "gradus/ops/transpose.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void transpose_shape(ShapeContext& c) {
  const Shape& x = c.input_shape(0);
  const auto& perm = c.attrs<TransposeAttrs>().perm;
  std::vector<bool> seen(static_cast<std::size_t>(x.rank()), false);
  bool good = perm.empty() || perm.size() == seen.size();
  for (std::size_t i = 0; good && i < perm.size(); ++i) {
    good = perm[i] >= 0 && perm[i] < x.rank() && !seen[static_cast<std::size_t>(perm[i])];
    if (good) seen[static_cast<std::size_t>(perm[i])] = true;
  }
  if (!good)
    c.fail(fmt::format("perm must be a permutation of the dimensions of {}; got [{}]", x.to_string(),
                       fmt::join(perm, ",")));
  Shape result;
  for (int i = 0; i < x.rank(); ++i) {
    result.push_back(x[perm.empty() ? x.rank() - 1 - i : static_cast<int>(perm[static_cast<std::size_t>(i)])]);
  }
  c.set_output(0, c.input_dtype(0), result);
}

}  // namespace

Output transpose(const Output& x, const std::vector<std::int64_t>& perm, At at) {
  return add_op("Transpose", {x}, TransposeAttrs{perm}, at);
}

void register_transpose_ops(OpRegistry& registry) {
  registry.add(
      def("Transpose", {"x"}, {"y"}, transpose_shape, "x with its dimensions permuted.").attrs(TransposeAttrs{}));
}

}  // namespace gradus
