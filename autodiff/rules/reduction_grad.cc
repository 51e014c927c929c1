// Gradients of the reductions: dy is put back to x's rank and spread over the reduced axes.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"

namespace gradus {
namespace {

std::vector<int> axes_of(const GradientContext& c) {
  return reduced_axes(c.attrs<ReductionAttrs>().axes, c.input(0).shape().rank());
}

// A tensor of the result's shape, with the reduced dimensions back as size 1.
Output with_reduced_dims(const GradientContext& c, Output reduced) {
  if (c.attrs<ReductionAttrs>().keep_dims) return reduced;
  for (int axis : axes_of(c)) reduced = expand_dims(reduced, axis);
  return reduced;
}

// The same, repeated over the reduced dimensions to x's shape.
Output spread(const GradientContext& c, const Output& reduced) {
  return broadcast_to(with_reduced_dims(c, reduced), shape(c.input(0)));
}

void sum_gradient(GradientContext& c) { c.set(0, spread(c, c.grad())); }

void mean_gradient(GradientContext& c) {
  const Shape& x = c.input(0).shape();
  std::int64_t count = 1;
  bool known = true;
  for (int axis : axes_of(c)) {
    known = known && x[axis] != kUnknownDim;
    count *= x[axis];
  }
  if (known) return c.set(0, spread(c, c.grad() * (1.0 / static_cast<double>(count))));
  // In float64, because counts above 65504 are no float16.
  const auto count_of = [](const Output& t) { return cast(size(t), DType::kFloat64); };
  c.set(0, spread(c, c.grad() * cast(count_of(c.output()) / count_of(c.input(0)), c.grad().dtype())));
}

// max, min: elements that tie share the gradient evenly.
void extreme_gradient(GradientContext& c) {
  const Output x = c.input(0);
  const Output is_extreme = cast(equal(x, with_reduced_dims(c, c.output())), x.dtype());
  const Output ties = reduce_sum(is_extreme, c.attrs<ReductionAttrs>().axes, /*keep_dims=*/true);
  c.set(0, is_extreme * (with_reduced_dims(c, c.grad()) / ties));
}

void prod_gradient(GradientContext& c) { c.set(0, spread(c, c.grad() * c.output()) / c.input(0)); }

}  // namespace

void register_reduction_gradients(GradientRegistry& registry) {
  registry.add("Sum", sum_gradient);
  registry.add("Mean", mean_gradient);
  registry.add("Max", extreme_gradient);
  registry.add("Min", extreme_gradient);
  registry.add("Prod", prod_gradient);
  registry.add("L2Loss", [](GradientContext& c) { c.set(0, c.grad() * c.input(0)); });
  registry.add("SumToShape", [](GradientContext& c) { c.set(0, broadcast_to(c.grad(), shape(c.input(0)))); });
}

}  // namespace gradus
