// Gradients of the matrix products: products again, with other transposes, so the set is closed. With C = A B:
// dA = dC B^T, dB = A^T dC; and for a transposed operand the transpose of that.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/reduction.h"

namespace gradus {
namespace {

template <Output (*product)(const Output&, const Output&, const MatMulAttrs&, At)>
void product_gradient(GradientContext& c) {
  const auto& attrs = c.attrs<MatMulAttrs>();
  const bool ta = attrs.transpose_a, tb = attrs.transpose_b;
  const Output a = c.input(0), b = c.input(1), dc = c.grad();
  const auto multiply = [](const Output& x, bool tx, const Output& y, bool ty) { return product(x, y, {tx, ty}, {}); };
  // In a batch an operand may have been broadcast. sum_to_shape_of is free where the shapes agree.
  if (c.needs(0)) c.set(0, sum_to_shape_of(ta ? multiply(b, tb, dc, true) : multiply(dc, false, b, !tb), a));
  if (c.needs(1)) c.set(1, sum_to_shape_of(tb ? multiply(dc, true, a, ta) : multiply(a, !ta, dc, false), b));
}

}  // namespace

void register_matmul_gradients(GradientRegistry& registry) {
  registry.add("MatMul", product_gradient<matmul>);
  registry.add("BatchMatMul", product_gradient<batch_matmul>);
}

}  // namespace gradus
