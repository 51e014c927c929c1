// Gradients of joining and cutting. Each op is linear, so its gradient is its adjoint op, and the other way round.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/concat.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/shape_operand.h"

namespace gradus {
namespace {

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

}  // namespace

void register_concat_gradients(GradientRegistry& registry) {
  registry.add("Concat", concat_gradient);
  registry.add("ConcatGrad", concat_grad_gradient);
  registry.add("Split", split_gradient);
  registry.add("Stack", stack_gradient);
  registry.add("Unstack", unstack_gradient);
}

}  // namespace gradus
