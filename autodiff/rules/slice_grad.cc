// Gradients of slices. Each op is linear in what it slices, so its gradient is its adjoint op, and the other way round.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/shape_operand.h"
#include "gradus/ops/slice.h"

namespace gradus {
namespace {

void slice_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, slice_grad(c.grad(), c.input(1), shape_of(c.input(0))));
}

void slice_grad_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, slice(c.grad(), c.input(1), shape_of(c.input(0))));
}

void strided_slice_gradient(GradientContext& c) {
  if (!c.needs(0)) return;
  c.set(0, strided_slice_grad(c.grad(), shape_of(c.input(0)), c.input(1), c.input(2), c.input(3),
                              c.attrs<StridedSliceAttrs>()));
}

void strided_slice_grad_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, strided_slice(c.grad(), c.input(2), c.input(3), c.input(4), c.attrs<StridedSliceAttrs>()));
}

}  // namespace

void register_slice_gradients(GradientRegistry& registry) {
  registry.add("Slice", slice_gradient);
  registry.add("SliceGrad", slice_grad_gradient);
  registry.add("StridedSlice", strided_slice_gradient);
  registry.add("StridedSliceGrad", strided_slice_grad_gradient);
}

}  // namespace gradus
