// Both families are closed: a maximum's gradient scatters to, and its gradient gathers from, the same places; an average's
// gradient and the average itself are each other's transposes.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/pooling.h"
#include "gradus/ops/shape_ops.h"

namespace gradus {
namespace {

void avg_pool_grad_gradient(GradientContext& c) {
  PoolAttrs attrs = c.attrs<PoolAttrs>();
  const ImageAxes axes = image_axes(attrs.data_format);
  const Shape& dy = c.input(1).shape();
  // Where there are no windows, avg_pool would refuse what its gradient takes.
  if (dy[axes.height] <= 0 || dy[axes.width] <= 0) attrs.allow_empty_output = true;  // 0, or unknown
  c.set(1, avg_pool(c.grad(), attrs));
}

}  // namespace

void register_pooling_gradients(GradientRegistry& registry) {
  using C = GradientContext;
  registry.add("MaxPool", [](C& c) { c.set(0, max_pool_grad(c.input(0), c.grad(), c.attrs<PoolAttrs>())); });
  // The input only decides where the maxima are: its own gradient is zero almost everywhere.
  registry.add("MaxPoolGrad", [](C& c) {
    if (c.needs(1)) c.set(1, max_pool_grad_grad(c.input(0), c.grad(), c.attrs<PoolAttrs>()));
  });
  registry.add("MaxPoolGradGrad", [](C& c) {
    if (c.needs(1)) c.set(1, max_pool_grad(c.input(0), c.grad(), c.attrs<PoolAttrs>()));
  });
  registry.add("AvgPool", [](C& c) { c.set(0, avg_pool_grad(shape(c.input(0)), c.grad(), c.attrs<PoolAttrs>())); });
  registry.add("AvgPoolGrad", avg_pool_grad_gradient);
}

}  // namespace gradus
