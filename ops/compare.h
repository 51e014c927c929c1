// Element-wise comparisons, logic, and the choice between two tensors. Operands broadcast as in NumPy; a number becomes
// a scalar of the other operand's dtype. Errors: InvalidArgument for unlike dtypes or shapes that do not broadcast.
// Page: docs/ops/compare.md.
#pragma once

#include "gradus/graph/forward.h"
#include "gradus/ops/operators.h"

namespace gradus {

// bool results. Comparisons with NaN are false, except not_equal, which is true. No gradient.
Output equal(const Operand& x, const Operand& y, At at = {});
Output not_equal(const Operand& x, const Operand& y, At at = {});
Output less(const Operand& x, const Operand& y, At at = {});
Output less_equal(const Operand& x, const Operand& y, At at = {});
Output greater(const Operand& x, const Operand& y, At at = {});
Output greater_equal(const Operand& x, const Operand& y, At at = {});

// Of bool operands.
Output logical_and(const Output& x, const Output& y, At at = {});
Output logical_or(const Output& x, const Output& y, At at = {});
Output logical_not(const Output& x, At at = {});

// x where `condition` (bool) is true, y elsewhere; all three broadcast. The gradient flows to the chosen side only; it
// is an exact 0 on the other, but guard the other side's inputs too where its derivative is infinite (0 * inf is NaN).
Output where(const Output& condition, const Operand& x, const Operand& y, At at = {});

// min(max(x, low), high); all three broadcast. NaN stays NaN; where low > high the result is high. The gradient goes to x
// where low <= x <= high, to `high` where max(x, low) > high, to `low` where else x < low.
Output clip_by_value(const Output& x, const Operand& low, const Operand& high, At at = {});

}  // namespace gradus
