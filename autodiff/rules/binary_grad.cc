// Gradients of the element-wise ops of two operands. Each contribution is summed back over the dimensions in which its
// operand was broadcast.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/unary.h"

namespace gradus {
namespace {

// Sets the gradient of operand i from one of the result's shape.
void set_reduced(GradientContext& c, int i, const Output& gradient) { c.set(i, sum_to_shape_of(gradient, c.input(i))); }

void add_gradient(GradientContext& c) {
  if (c.needs(0)) set_reduced(c, 0, c.grad());
  if (c.needs(1)) set_reduced(c, 1, c.grad());
}

void subtract_gradient(GradientContext& c) {
  if (c.needs(0)) set_reduced(c, 0, c.grad());
  if (c.needs(1)) c.set(1, -sum_to_shape_of(c.grad(), c.input(1)));
}

void multiply_gradient(GradientContext& c) {
  if (c.needs(0)) set_reduced(c, 0, c.grad() * c.input(1));
  if (c.needs(1)) set_reduced(c, 1, c.grad() * c.input(0));
}

// z = x / y: dx = dz / y, dy = -dz * (z / y): where 1 / y is beyond the numbers, z / y may not be.
void divide_gradient(GradientContext& c) {
  if (c.needs(0)) set_reduced(c, 0, c.grad() / c.input(1));
  if (c.needs(1)) c.set(1, -sum_to_shape_of(c.grad() * (c.output() / c.input(1)), c.input(1)));
}

// dx = dz * y * x^(y-1), and 0 where both are 0. dy = dz * z * ln(x), and 0 where x <= 0, as in TensorFlow.
void pow_gradient(GradientContext& c) {
  const Output x = c.input(0), y = c.input(1);
  if (c.needs(0)) {
    // Any finite power will do at 0^0, and where 1 / x may be beyond the numbers; elsewhere the power stays a function of y, for
    // the second derivatives.
    const Output both_zero = logical_and(less(abs(x), smallest_normal(x.dtype())), equal(y, 0.0));
    set_reduced(c, 0, c.grad() * y * pow(x, where(both_zero, 1.0, y - 1.0)));
  }
  if (c.needs(1)) {
    // Both factors are guarded: z may be infinite.
    const Output positive = greater(x, 0.0);
    set_reduced(c, 1, c.grad() * where(positive, c.output(), 0.0) * log(where(positive, x, 1.0)));
  }
}

void squared_difference_gradient(GradientContext& c) {
  const Output difference =
      c.input(0) - c.input(1);  // first: operands of one expression are built in the compiler's order
  const Output dx = 2.0 * c.grad() * difference;
  if (c.needs(0)) set_reduced(c, 0, dx);
  if (c.needs(1)) c.set(1, -sum_to_shape_of(dx, c.input(1)));
}

// maximum, minimum: all of the gradient goes to the side that was chosen; to x where both are equal.
template <Output (*chosen)(const Operand&, const Operand&, At)>
void choice_gradient(GradientContext& c) {
  const Output is_x = chosen(c.input(0), c.input(1), {});
  if (c.needs(0)) set_reduced(c, 0, where(is_x, c.grad(), 0.0));
  if (c.needs(1)) set_reduced(c, 1, where(is_x, 0.0, c.grad()));
}

void add_n_gradient(GradientContext& c) {
  for (int i = 0; i < c.num_inputs(); ++i) c.set(i, c.grad());
}

}  // namespace

void register_binary_gradients(GradientRegistry& registry) {
  registry.add("Add", add_gradient);
  registry.add("Sub", subtract_gradient);
  registry.add("Mul", multiply_gradient);
  registry.add("RealDiv", divide_gradient);
  registry.add_none("FloorDiv", "it is a function of integers");
  registry.add_none("FloorMod", "it is a function of integers");
  registry.add("Maximum", choice_gradient<greater_equal>);
  registry.add("Minimum", choice_gradient<less_equal>);
  registry.add("Pow", pow_gradient);
  registry.add("SquaredDifference", squared_difference_gradient);
  registry.add("AddN", add_n_gradient);
}

}  // namespace gradus
