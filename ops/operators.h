// Arithmetic on outputs as one writes it on paper: y = tanh(x * x) + 3.0 * x. Each operator adds one node, which
// carries the user's file and line; operands broadcast as in NumPy. Page: docs/ops/binary.md.
#pragma once

#include <utility>

#include "gradus/core/source_location.h"
#include "gradus/graph/output.h"

namespace gradus {

// One operand of an element-wise op: an Output, or a number that becomes a constant scalar of the other operand's
// dtype. Made implicitly, and remembers where.
class Operand {
 public:
  Operand(const Output& output, SourceLocation location = SourceLocation::current())  // NOLINT: implicit by design
      : output_(output), location_(location) {}
  Operand(double value, SourceLocation location = SourceLocation::current())  // NOLINT: implicit by design
      : value_(value), is_number_(true), location_(location) {}

  bool is_number() const { return is_number_; }
  const Output& output() const { return output_; }  // refers to nothing when is_number()
  double value() const { return value_; }
  SourceLocation location() const { return location_; }
  // The Output, or a constant beside `other` with its dtype. Throws InvalidArgument for a number that an integer dtype
  // does not have.
  Output beside(const Output& other) const;

 private:
  Output output_;
  double value_ = 0;
  bool is_number_ = false;
  SourceLocation location_;
};

// Both operands as outputs. Throws InvalidArgument when both are numbers.
std::pair<Output, Output> resolve(const Operand& a, const Operand& b);

Output operator+(const Operand& a, const Operand& b);  // Add
Output operator-(const Operand& a, const Operand& b);  // Sub
Output operator*(const Operand& a, const Operand& b);  // Mul
Output operator/(const Operand& a, const Operand& b);  // RealDiv
Output operator-(const Operand& x);                    // Neg

}  // namespace gradus
