#include "gradus/ops/operators.h"

#include <fmt/format.h>

#include <cmath>

#include "gradus/graph/graph.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"

namespace gradus {
namespace {

// The number as a scalar tensor of `dtype`; a tensor without value where an integer dtype does not have that number.
Tensor exactly(std::int64_t value, DType dtype) {
  const Tensor tensor = Tensor::scalar(value).cast(dtype);
  return is_floating(dtype) || tensor.cast(DType::kInt64).item<std::int64_t>() == value ? tensor : Tensor();
}
Tensor exactly(double value, DType dtype) {
  if (is_floating(dtype)) return Tensor::scalar(value).cast(dtype);
  const bool whole = value == std::trunc(value) && value >= -0x1p63 && value < 0x1p63;
  return whole ? exactly(static_cast<std::int64_t>(value), dtype) : Tensor();
}

}  // namespace

std::string Operand::number_text() const { return is_integer_ ? std::to_string(integer_) : fmt::format("{}", value_); }

Output Operand::beside(const Output& other, const Caller& caller) const {
  if (!is_number_) return output_;
  if (!other.valid()) require_valid(caller, ("the operand beside " + number_text()).c_str(), other);
  const DType dtype = other.dtype();
  const Tensor number = is_integer_ ? exactly(integer_, dtype) : exactly(value_, dtype);
  if (!number.defined()) {
    caller.fail(
        fmt::format("the number {} beside '{}' is no {}; write cast({}, DType::kFloat32) to calculate with fractions, "
                    "or a number that {} has",
                    number_text(), other.name(), dtype_name(dtype), other.name(), dtype_name(dtype)));
  }
  return constant(other.graph(), number, "", caller.location);
}

std::pair<Output, Output> resolve(const Operand& a, const Operand& b, const Caller& caller) {
  if (a.is_number() && b.is_number()) caller.fail("two numbers have no graph: one operand must be an Output");
  return {a.beside(b.output(), caller), b.beside(a.output(), caller)};
}

Output operator+(const Operand& a, const Operand& b) { return add(a, b, "", a.location()); }
Output operator-(const Operand& a, const Operand& b) { return subtract(a, b, "", a.location()); }
Output operator*(const Operand& a, const Operand& b) { return multiply(a, b, "", a.location()); }
Output operator/(const Operand& a, const Operand& b) { return divide(a, b, "", a.location()); }
Output operator-(const Operand& x) {
  if (x.is_number()) Caller{"Neg", "", x.location()}.fail("a number has no graph: the operand must be an Output");
  return negate(x.output(), "", x.location());
}

Output& operator+=(Output& x, const Operand& y) { return x = add({x, y.location()}, y, "", y.location()); }
Output& operator-=(Output& x, const Operand& y) { return x = subtract({x, y.location()}, y, "", y.location()); }
Output& operator*=(Output& x, const Operand& y) { return x = multiply({x, y.location()}, y, "", y.location()); }
Output& operator/=(Output& x, const Operand& y) { return x = divide({x, y.location()}, y, "", y.location()); }

Output operator<(const Operand& a, const Operand& b) { return less(a, b, "", a.location()); }
Output operator<=(const Operand& a, const Operand& b) { return less_equal(a, b, "", a.location()); }
Output operator>(const Operand& a, const Operand& b) { return greater(a, b, "", a.location()); }
Output operator>=(const Operand& a, const Operand& b) { return greater_equal(a, b, "", a.location()); }

}  // namespace gradus
