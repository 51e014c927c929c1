#include "gradus/ops/bias_add.h"

#include "gradus/autodiff/register_all.h"
#include "gradus/ops/fill.h"

namespace gradus {
namespace {

void bias_add_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, c.grad());
  if (c.needs(1)) c.set(1, bias_add_grad(c.grad(), c.attrs<BiasAddAttrs>()));
}

// A sum's gradient is the same number for all its terms.
void bias_add_grad_gradient(GradientContext& c) {
  if (c.needs(0)) c.set(0, bias_add(zeros_like(c.input(0)), c.grad(), c.attrs<BiasAddAttrs>()));
}

}  // namespace

void register_bias_add_gradients(GradientRegistry& registry) {
  registry.add("BiasAdd", bias_add_gradient);
  registry.add("BiasAddGrad", bias_add_grad_gradient);
}

}  // namespace gradus
