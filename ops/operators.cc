#include "gradus/ops/operators.h"

#include <fmt/format.h>

#include <cmath>

#include "gradus/ops/binary.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"

namespace gradus {

Output Operand::beside(const Output& other) const {
  if (!is_number_) return output_;
  const DType dtype = other.dtype();
  if (!is_floating(dtype) && Tensor::full(dtype, {}, value_).at(0) != value_) {
    throw invalid_argument(fmt::format("the number {} beside '{}' is no {}", value_, other.name(), dtype_name(dtype)));
  }
  return scalar(other.graph(), value_, dtype, "", location_);
}

std::pair<Output, Output> resolve(const Operand& a, const Operand& b) {
  if (a.is_number() && b.is_number())
    throw invalid_argument("two numbers have no graph: one operand must be an Output");
  return {a.beside(b.output()), b.beside(a.output())};
}

Output operator+(const Operand& a, const Operand& b) { return add(a, b, "", a.location()); }
Output operator-(const Operand& a, const Operand& b) { return subtract(a, b, "", a.location()); }
Output operator*(const Operand& a, const Operand& b) { return multiply(a, b, "", a.location()); }
Output operator/(const Operand& a, const Operand& b) { return divide(a, b, "", a.location()); }
Output operator-(const Operand& x) { return negate(x.output(), "", x.location()); }

}  // namespace gradus
