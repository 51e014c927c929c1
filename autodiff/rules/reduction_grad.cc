// Gradients of the reductions: dy is put back to x's rank and spread over the reduced axes.
#include <algorithm>

#include "gradus/autodiff/register_all.h"
#include "gradus/ops/accumulation.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/concat.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reshape.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/transpose.h"
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

// A count above 65504, or one over it, is no float16, and one above 256 may be no bfloat16: the division is done in the accumulation dtype and rounded once.
void mean_gradient(GradientContext& c) {
  const Shape& x = c.input(0).shape();
  const Output dy = accumulated(c.grad());
  std::int64_t count = 1;
  bool known = true;
  for (int axis : axes_of(c)) {
    known = known && x[axis] != kUnknownDim;
    count *= x[axis];
  }
  // In float64, because float32 ends at 2^24 with exact counts.
  const auto count_of = [](const Output& t) { return cast(size(t), DType::kFloat64); };
  const Output share = known ? dy * (1.0 / static_cast<double>(count))
                             : dy * cast(count_of(c.output()) / count_of(c.input(0)), dy.dtype());
  c.set(0, spread(c, as_dtype(share, c.grad().dtype())));
}

// max, min: elements that tie share the gradient evenly.
void extreme_gradient(GradientContext& c) {
  const Output x = c.input(0);
  const Output is_extreme = equal(x, with_reduced_dims(c, c.output()));
  const Output dy = accumulated(with_reduced_dims(c, c.grad()));
  const Output ties = reduce_sum(cast(is_extreme, dy.dtype()), c.attrs<ReductionAttrs>().axes, /*keep_dims=*/true);
  c.set(0, cast(is_extreme, x.dtype()) * as_dtype(dy / ties, x.dtype()));
}

// dx = dy * x / y. Where y is 0 so is x, and 0 is taken of the possible slopes.
void euclidean_norm_gradient(GradientContext& c) {
  const Output y = with_reduced_dims(c, c.output()), dy = with_reduced_dims(c, c.grad());
  c.set(0, dy * (c.input(0) / where(equal(y, 0.0), 1.0, y)));
}

// d prod(x) / dx_i is the product of all other elements. prod(x) / x_i would be NaN where x has zeros, so the product
// is built again as a tree of halves, and dy is carried down it; all of it is multiplication, differentiable to any
// order. x is [rows, n], dy [rows, 1].
Output product_tree_gradient(const Output& x, const Output& dy, std::int64_t n) {
  struct Level {
    Output left, right;  // [rows, width]
    std::int64_t width;
    bool odd;  // one column is left over and goes up as it is
  };
  std::vector<Level> levels;
  Output product = x;
  for (std::int64_t width = n / 2; n > 1; n = width + n % 2, width = n / 2) {
    const bool odd = n % 2 == 1;
    const std::vector<Output> pieces =
        split_sizes(product, odd ? std::vector{width, width, std::int64_t{1}} : std::vector{width, width}, 1);
    levels.push_back({pieces[0], pieces[1], width, odd});
    product = pieces[0] * pieces[1];
    if (odd) product = concat({product, pieces[2]}, 1);
  }
  Output dx = dy;
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
    std::vector<Output> pieces{dx};
    if (level->odd) pieces = split_sizes(dx, {level->width, 1}, 1);
    std::vector<Output> parts{pieces[0] * level->right, pieces[0] * level->left};
    if (level->odd) parts.push_back(pieces[1]);
    dx = concat(parts, 1);
  }
  return dx;
}

void prod_gradient(GradientContext& c) {
  const Output x = c.input(0);
  const std::vector<int> axes = axes_of(c);
  std::int64_t n = 1;
  for (int axis : axes) n = n == kUnknownDim || x.shape()[axis] == kUnknownDim ? kUnknownDim : n * x.shape()[axis];
  if (n == 0) return c.set(0, zeros_like(x));
  if (n == kUnknownDim) return c.set(0, spread(c, c.grad() * c.output()) / x);        // NaN where x is 0
  std::vector<std::int64_t> order, back(static_cast<std::size_t>(x.shape().rank()));  // the reduced axes last
  for (int axis = 0; axis < x.shape().rank(); ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) order.push_back(axis);
  }
  order.insert(order.end(), axes.begin(), axes.end());
  for (std::size_t i = 0; i < order.size(); ++i)
    back[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  const Output sorted = order.empty() ? x : transpose(x, order);
  const Output rows = reshape(c.grad(), {-1, 1});
  const Output dx = reshape_like(product_tree_gradient(reshape(sorted, {-1, n}), rows, n), sorted);
  c.set(0, order.empty() ? dx : transpose(dx, back));
}

}  // namespace

void register_reduction_gradients(GradientRegistry& registry) {
  registry.add("Sum", sum_gradient);
  registry.add("Mean", mean_gradient);
  registry.add("Max", extreme_gradient);
  registry.add("Min", extreme_gradient);
  registry.add("Prod", prod_gradient);
  registry.add("EuclideanNorm", euclidean_norm_gradient);
  registry.add("L2Loss", [](GradientContext& c) { c.set(0, c.grad() * c.input(0)); });
  registry.add("SumToShape", [](GradientContext& c) { c.set(0, broadcast_to(c.grad(), shape(c.input(0)))); });
}

}  // namespace gradus
