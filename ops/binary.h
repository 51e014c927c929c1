// Element-wise ops of two operands, z = f(x, y), with NumPy's broadcasting: shapes are aligned at the last dimension,
// and a dimension of 1 (or a missing one) is repeated. Operands have one dtype, which is also the result's; a number
// becomes a scalar of it. Errors: InvalidArgument for unlike dtypes or shapes that do not broadcast. Page:
// docs/ops/binary.md.
#pragma once

#include <vector>

#include "gradus/graph/forward.h"
#include "gradus/ops/operators.h"

namespace gradus {

// x + y, x - y, x * y. Integers wrap around at the borders of their type.
Output add(const Operand& x, const Operand& y, At at = {});
Output subtract(const Operand& x, const Operand& y, At at = {});
Output multiply(const Operand& x, const Operand& y, At at = {});
// x / y of floating dtypes (RealDiv); x / 0 is an infinity or NaN, as in IEEE 754.
Output divide(const Operand& x, const Operand& y, At at = {});
// floor(x / y) and x - floor(x / y) * y of integers, as in Python. Division by zero fails with InvalidArgument in the
// run.
Output floor_div(const Operand& x, const Operand& y, At at = {});
Output floor_mod(const Operand& x, const Operand& y, At at = {});
// The larger, the smaller of the two; NaN where either is NaN. Where x == y the whole gradient goes to x, as in
// TensorFlow.
Output maximum(const Operand& x, const Operand& y, At at = {});
Output minimum(const Operand& x, const Operand& y, At at = {});
// x ^ y. Floating dtypes as C's pow: NaN for negative x and fractional y; the gradient by y is 0 where x <= 0. Integers wrap around;
// a negative power of them fails with InvalidArgument in the run.
Output pow(const Operand& x, const Operand& y, At at = {});
// (x - y)^2
Output squared_difference(const Operand& x, const Operand& y, At at = {});

// values[0] + values[1] + ..., all of one shape and dtype, no broadcasting. Throws InvalidArgument for an empty list.
Output add_n(const std::vector<Output>& values, At at = {});

}  // namespace gradus
