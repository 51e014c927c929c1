#include "gradus/ops/operators.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"

namespace gradus {
namespace {

// What to write instead of a number that `x` has no element for.
std::string cure(const Output& x, const Number& number) {
  if (!number.is_integer()) return fmt::format("write cast({}, DType::kFloat32) to calculate with fractions", x.name());
  if (x.dtype() == DType::kInt64) return "";  // nothing holds more
  const bool int32_has_it = number.as<std::int32_t>().has_value();
  return fmt::format("write cast({}, {}) to calculate with such integers", x.name(),
                     int32_has_it ? "DType::kInt32" : "DType::kInt64");
}

}  // namespace

Output Operand::beside(const Output& other, const Caller& caller) const {
  if (!is_number()) return output_;
  if (!other.valid()) require_valid(caller, ("the operand beside " + number_->to_string()).c_str(), other);
  if (!fits(*number_, other.dtype())) {
    const std::string what = fmt::format("the number beside '{}'", other.name());
    const std::string instead = cure(other, *number_);
    caller.fail(misfit_text(what.c_str(), *number_, other.dtype()) + (instead.empty() ? "" : "; " + instead));
  }
  return scalar(other.graph(), *number_, other.dtype(), caller.at.location);
}

std::pair<Output, Output> resolve(const Operand& a, const Operand& b, const Caller& caller) {
  if (a.is_number() && b.is_number()) caller.fail("two numbers have no graph: one operand must be an Output");
  return {a.beside(b.output(), caller), b.beside(a.output(), caller)};
}

Output add_binary(const char* op, const Operand& a, const Operand& b, At at) {
  const auto [x, y] = resolve(a, b, {op, at});
  return add_op(op, {x, y}, {}, at);
}

Output operator+(const Operand& a, const Operand& b) { return add(a, b, a.location()); }
Output operator-(const Operand& a, const Operand& b) { return subtract(a, b, a.location()); }
Output operator*(const Operand& a, const Operand& b) { return multiply(a, b, a.location()); }
Output operator/(const Operand& a, const Operand& b) { return divide(a, b, a.location()); }
Output operator-(const Operand& x) {
  if (x.is_number()) Caller{"Neg", x.location()}.fail("a number has no graph: the operand must be an Output");
  return negate(x.output(), x.location());
}

Output& operator+=(Output& x, const Operand& y) { return x = add({x, y.location()}, y, y.location()); }
Output& operator-=(Output& x, const Operand& y) { return x = subtract({x, y.location()}, y, y.location()); }
Output& operator*=(Output& x, const Operand& y) { return x = multiply({x, y.location()}, y, y.location()); }
Output& operator/=(Output& x, const Operand& y) { return x = divide({x, y.location()}, y, y.location()); }

Output operator<(const Operand& a, const Operand& b) { return less(a, b, a.location()); }
Output operator<=(const Operand& a, const Operand& b) { return less_equal(a, b, a.location()); }
Output operator>(const Operand& a, const Operand& b) { return greater(a, b, a.location()); }
Output operator>=(const Operand& a, const Operand& b) { return greater_equal(a, b, a.location()); }

}  // namespace gradus
