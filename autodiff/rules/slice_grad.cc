// Gradients of slices. Each op is linear in what it slices, so its gradient is its adjoint op, and the other way round.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/shape_operand.h"
#include "gradus/ops/slice.h"

namespace gradus {

void register_slice_gradients(GradientRegistry& registry) {
  using C = GradientContext;
  registry.add("Slice", [](C& c) { c.set(0, slice_grad(c.grad(), c.input(1), shape_of(c.input(0)))); });
  registry.add("SliceGrad", [](C& c) { c.set(0, slice(c.grad(), c.input(1), shape_of(c.input(0)))); });
  registry.add("StridedSlice", [](C& c) {
    c.set(0, strided_slice_grad(c.grad(), shape_of(c.input(0)), c.input(1), c.input(2), c.input(3),
                                c.attrs<StridedSliceAttrs>()));
  });
  registry.add("StridedSliceGrad", [](C& c) {
    c.set(0, strided_slice(c.grad(), c.input(2), c.input(3), c.input(4), c.attrs<StridedSliceAttrs>()));
  });
}

}  // namespace gradus
