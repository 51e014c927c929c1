// Gradients of select and clip: what was passed through gets the gradient. Comparisons and logic have none.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/reduction.h"

namespace gradus {
namespace {

void select_gradient(GradientContext& c) {
  const Output condition = c.input(0);
  if (c.needs(1)) c.set(1, sum_to_shape_of(where(condition, c.grad(), 0.0), c.input(1)));
  if (c.needs(2)) c.set(2, sum_to_shape_of(where(condition, 0.0, c.grad()), c.input(2)));
}

// y = min(max(x, low), high); on the border the gradient goes to x. Where low > high, y is high.
void clip_gradient(GradientContext& c) {
  const Output x = c.input(0), low = c.input(1), high = c.input(2);
  const Output too_high = greater(maximum(x, low), high);
  const Output too_low = logical_and(less(x, low), logical_not(too_high));
  if (c.needs(0)) c.set(0, sum_to_shape_of(where(logical_or(too_low, too_high), 0.0, c.grad()), x));
  if (c.needs(1)) c.set(1, sum_to_shape_of(where(too_low, c.grad(), 0.0), low));
  if (c.needs(2)) c.set(2, sum_to_shape_of(where(too_high, c.grad(), 0.0), high));
}

}  // namespace

void register_compare_gradients(GradientRegistry& registry) {
  for (const char* op : {"Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"}) {
    registry.add_none(op, "its result is bool");
  }
  for (const char* op : {"LogicalAnd", "LogicalOr", "LogicalNot"}) registry.add_none(op, "it is a function of bools");
  registry.add("Select", select_gradient);
  registry.add("ClipByValue", clip_gradient);
}

}  // namespace gradus
