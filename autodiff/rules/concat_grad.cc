// Gradients of joining and cutting. Each op is linear, so its gradient is its adjoint op, and the other way round.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/concat.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/shape_operand.h"

namespace gradus {
namespace {

void set_all(GradientContext& c, const std::vector<Output>& pieces) {
  for (int i = 0; i < c.num_inputs(); ++i) c.set(i, pieces[static_cast<std::size_t>(i)]);
}

std::vector<Output> gradients_of_all_outputs(GradientContext& c) {
  std::vector<Output> grads;
  for (int i = 0; i < c.node().num_outputs(); ++i) grads.push_back(c.grad_or_zeros(i));
  return grads;
}

void concat_gradient(GradientContext& c) {
  std::vector<Output> shapes;
  for (const Output& value : c.node().inputs()) shapes.push_back(shape_of(value));
  set_all(c, concat_grad(c.grad(), shapes, c.attrs<ConcatAttrs>().axis));
}

template <class CutAttrs>
void cut_gradient(GradientContext& c) {
  c.set(0, concat(gradients_of_all_outputs(c), c.attrs<CutAttrs>().axis));
}

void unstack_gradient(GradientContext& c) {
  if (c.node().num_outputs() == 0) return c.set(0, zeros_like(c.input(0)));
  c.set(0, stack(gradients_of_all_outputs(c), c.attrs<UnstackAttrs>().axis));
}

}  // namespace

void register_concat_gradients(GradientRegistry& registry) {
  using C = GradientContext;
  registry.add("Concat", concat_gradient);
  registry.add("ConcatGrad", cut_gradient<ConcatAttrs>);
  registry.add("Split", cut_gradient<SplitAttrs>);
  registry.add("Stack", [](C& c) { set_all(c, unstack(c.grad(), c.attrs<StackAttrs>().axis, c.num_inputs())); });
  registry.add("Unstack", unstack_gradient);
}

}  // namespace gradus
