// Arithmetic and comparisons on outputs as one writes them on paper: y = tanh(x * x) + 3.0 * x. Each operator adds one node,
// which carries the user's file and line; operands broadcast as in NumPy. Pages: docs/ops/binary.md, docs/ops/compare.md.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "gradus/core/caller.h"
#include "gradus/core/number.h"
#include "gradus/graph/output.h"

namespace gradus {

// One operand of an element-wise op: an Output, or a number that becomes a constant scalar of the other operand's
// dtype. Made implicitly, and remembers where.
class Operand {
 public:
  Operand(const Output& output, SourceLocation location = SourceLocation::current())  // NOLINT: implicit by design
      : output_(output), location_(location) {}
  template <class T>
  requires std::is_arithmetic_v<T> Operand(T value, SourceLocation location = SourceLocation::current())  // NOLINT
      : number_(value), location_(location) {}

  bool is_number() const { return number_.has_value(); }
  const Output& output() const { return output_; }  // refers to nothing when is_number()
  SourceLocation location() const { return location_; }
  // The Output, or a constant beside `other` with its dtype. Throws InvalidArgument, in the caller's name, for a number that
  // an integer dtype does not have.
  Output beside(const Output& other, const Caller& caller) const;

 private:
  Output output_;
  std::optional<Number> number_;
  SourceLocation location_;
};

// Both operands as outputs. Throws InvalidArgument, in the caller's name, when both are numbers or one refers to nothing.
std::pair<Output, Output> resolve(const Operand& a, const Operand& b, const Caller& caller);
// The result of a new node of `op` with both.
Output add_binary(const char* op, const Operand& a, const Operand& b, At at);

Output operator+(const Operand& a, const Operand& b);  // Add
Output operator-(const Operand& a, const Operand& b);  // Sub
Output operator*(const Operand& a, const Operand& b);  // Mul
Output operator/(const Operand& a, const Operand& b);  // RealDiv
Output operator-(const Operand& x);                    // Neg

// x = x + y and so on: a new node, to which the variable x of the program refers from then on. Nodes never change.
Output& operator+=(Output& x, const Operand& y);
Output& operator-=(Output& x, const Operand& y);
Output& operator*=(Output& x, const Operand& y);
Output& operator/=(Output& x, const Operand& y);

// Element by element, with bool results: where(x > 0.0, x, y).
Output operator<(const Operand& a, const Operand& b);   // Less
Output operator<=(const Operand& a, const Operand& b);  // LessEqual
Output operator>(const Operand& a, const Operand& b);   // Greater
Output operator>=(const Operand& a, const Operand& b);  // GreaterEqual

// x == y of two outputs asks whether they are the same handle. Elements are compared by equal(x, y) and not_equal(x, y), with
// numbers too.
bool operator==(const Output& x, double y) = delete;  // write equal(x, y) or not_equal(x, y)

}  // namespace gradus
