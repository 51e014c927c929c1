// Cases of check_numerics and print, where they let everything through.
#include "cases/all_cases.h"
#include "gradus/ops/debug.h"

namespace gradus::cases {

void add_debug_cases(std::vector<OpCase>& cases) {
  const std::vector<DType> floating = kCaseDTypes;
  cases.push_back({.op = "CheckNumerics",
                   .name = "finite",
                   .operands = {real({2, 3})},
                   .attrs = CheckNumericsAttrs{"x"},
                   .dtypes = floating});
  cases.push_back({.op = "CheckNumerics", .name = "empty", .operands = {real({0, 3})}, .attrs = CheckNumericsAttrs{}});
  cases.push_back({.op = "Print",
                   .name = "matrix",
                   .operands = {real({2, 3})},
                   .attrs = PrintAttrs{"case of Print", 3},
                   .dtypes = floating,
                   .max_order = 0,
                   .max_order_reason = "it is the identity, and would print at every step"});
  cases.push_back({.op = "Print", .name = "int32", .operands = {int32s({1, 2})}, .attrs = PrintAttrs{}});
}

}  // namespace gradus::cases
