// Gradients of the ops that move elements. Each op is linear, so the gradient is its adjoint op, and the other way round.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/layout.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

// shape(x) as an operand: a constant where it is known, so that x need not stay in memory for it.
Output shape_of(const Output& x) { return x.shape().fully_known() ? constant(x.graph(), x.shape().dims()) : shape(x); }

void transpose_gradient(GradientContext& c) {
  const auto& perm = c.attrs<TransposeAttrs>().perm;
  std::vector<std::int64_t> inverse(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i)
    inverse[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
  if (c.needs(0)) c.set(0, transpose(c.grad(), inverse));
}

void concat_gradient(GradientContext& c) {
  std::vector<Output> shapes;
  for (int i = 0; i < c.num_inputs(); ++i) shapes.push_back(shape_of(c.input(i)));
  const std::vector<Output> pieces = concat_grad(c.grad(), shapes, c.attrs<ConcatAttrs>().axis);
  for (int i = 0; i < c.num_inputs(); ++i) {
    if (c.needs(i)) c.set(i, pieces[static_cast<std::size_t>(i)]);
  }
}

std::vector<Output> gradients_of_all_outputs(GradientContext& c) {
  std::vector<Output> grads;
  for (int i = 0; i < c.node().num_outputs(); ++i) grads.push_back(c.grad_or_zeros(i));
  return grads;
}

void split_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, concat(gradients_of_all_outputs(c), c.attrs<SplitAttrs>().axis));
}

void concat_grad_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, concat(gradients_of_all_outputs(c), c.attrs<ConcatAttrs>().axis));
}

void stack_gradient(GradientContext& c) {
  const std::vector<Output> slices = unstack(c.grad(), c.attrs<StackAttrs>().axis, c.num_inputs());
  for (int i = 0; i < c.num_inputs(); ++i) {
    if (c.needs(i)) c.set(i, slices[static_cast<std::size_t>(i)]);
  }
}

void unstack_gradient(GradientContext& c) {
  if (!c.needs(0)) return;
  if (c.node().num_outputs() == 0) return c.set(0, zeros_like(c.input(0)));
  c.set(0, stack(gradients_of_all_outputs(c), c.attrs<UnstackAttrs>().axis));
}

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

void pad_gradient(GradientContext& c) {
  if (!c.needs(0)) return;
  const auto& paddings = c.attrs<PadAttrs>().paddings;
  std::vector<std::int64_t> before;
  for (std::size_t i = 0; i < paddings.size(); i += 2) before.push_back(paddings[i]);
  c.set(0, slice(c.grad(), constant(c.graph(), before), shape_of(c.input(0))));
}

void mirror_pad_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, mirror_pad_grad(c.grad(), c.attrs<MirrorPadAttrs>()));
}

void mirror_pad_grad_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, pad(c.grad(), c.attrs<MirrorPadAttrs>().paddings, PadMode::kReflect));
}

void tile_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, tile_grad(c.grad(), c.input(1), shape_of(c.input(0))));
}

void tile_grad_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, tile(c.grad(), c.input(1)));
}

}  // namespace

void register_layout_gradients(GradientRegistry& registry) {
  registry.add("Transpose", transpose_gradient);
  registry.add("Concat", concat_gradient);
  registry.add("ConcatGrad", concat_grad_gradient);
  registry.add("Split", split_gradient);
  registry.add("Stack", stack_gradient);
  registry.add("Unstack", unstack_gradient);
  registry.add("Slice", slice_gradient);
  registry.add("SliceGrad", slice_grad_gradient);
  registry.add("StridedSlice", strided_slice_gradient);
  registry.add("StridedSliceGrad", strided_slice_grad_gradient);
  registry.add("Pad", pad_gradient);
  registry.add("MirrorPad", mirror_pad_gradient);
  registry.add("MirrorPadGrad", mirror_pad_grad_gradient);
  registry.add("Tile", tile_gradient);
  registry.add("TileGrad", tile_grad_gradient);
}

}  // namespace gradus
