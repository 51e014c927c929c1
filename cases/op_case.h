// Declarative op cases. One table per op family feeds the forward tests (against the reference backend in float64), the
// gradient tests of orders 1 and 2, the poisoned-output tests, `gradus check`, and the coverage table of `gradus ops`.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "gradus/core/attrs.h"
#include "gradus/core/tensor.h"

namespace gradus::cases {

// How one operand of a case is made. Real operands take the dtype of the run (one of kCaseDTypes).
struct Operand {
  enum class Kind { kReal, kDistinct, kFixed };
  Kind kind = Kind::kReal;
  Shape shape = {};
  double low = -1.0;  // kReal: uniform in [low, high)
  double high = 1.0;
  std::vector<double> kinks = {};  // kReal: values that are avoided by at least kKinkMargin
  Tensor value = {};               // kFixed
  bool accumulated = false;        // in the accumulation dtype: float32 where the run is in 16 bits
};
inline constexpr double kKinkMargin = 0.05;

// Uniform reals in [low, high), at least kKinkMargin away from every kink (where the op is not differentiable).
Operand real(Shape shape, double low = -1.0, double high = 1.0, std::vector<double> kinks = {});
// Reals that all differ by at least 2 * kKinkMargin, in random order: for max, min, sort-like ops without ties.
Operand distinct(Shape shape);
// The operand in the accumulation dtype of the run: slots of optimisers, statistics.
Operand accumulated(Operand operand);
Operand int32s(std::vector<std::int32_t> values);  // a vector
Operand int32s(Shape shape, std::vector<std::int32_t> values);
Operand int64s(Shape shape, std::vector<std::int64_t> values);
Operand bools(Shape shape, std::vector<int> values);
Operand fixed(Tensor value);  // exactly this tensor, in every run

struct OpCase {
  std::string op;    // registered name
  std::string name;  // what is particular: "stride2_same_dilation2"; unique per op
  std::vector<Operand> operands = {};
  Attrs attrs = {};
  // Dtypes of the real operands in forward tests. Gradients are always checked in float64.
  std::vector<DType> dtypes = {DType::kFloat32, DType::kFloat64};
  // Highest gradient order that can be checked; less than 2 only with a reason (an explicit "none" in the gradient registry
  // implies 0).
  int max_order = 9;
  std::string max_order_reason = "";
  // Allowed max |difference| / max(max |reference|, 1e-3) per dtype; 0 means the default (1e-12, 1e-5, 2e-3). In bfloat16, which has
  // three digits less, it is eight times that of float16.
  double tolerance_float64 = 0, tolerance_float32 = 0, tolerance_float16 = 0;
};

// Every family adds its table: void add_conv2d_cases(std::vector<OpCase>&) in cases/conv2d_cases.cc, declared and called
// in cases/all_cases.{h,cc}.
const std::vector<OpCase>& all_op_cases();

// Known at compile time: tests ask for the cases before main().
inline constexpr std::initializer_list<DType> kCaseDTypes = {DType::kFloat16, DType::kBFloat16, DType::kFloat32,
                                                             DType::kFloat64};

// Adds cases of one op after the other, in all floating dtypes.
struct CaseAdder {
  std::vector<OpCase>& cases;
  void operator()(const char* op, const char* name, std::vector<Operand> operands, Attrs attrs = {}) const;
};

}  // namespace gradus::cases
