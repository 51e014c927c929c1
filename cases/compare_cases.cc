// Cases of comparisons, logic, select and clip.
#include "cases/all_cases.h"

namespace gradus::cases {
void add_compare_cases(std::vector<OpCase>& cases) {
  for (const char* op : {"Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"}) {
    cases.push_back({.op = op, .name = "real", .operands = {real({2, 3}), real({2, 3})}, .dtypes = kCaseDTypes});
    cases.push_back(
        {.op = op, .name = "real_crossed", .operands = {real({3, 1}), real({2, 1, 4})}, .dtypes = kCaseDTypes});
    cases.push_back({.op = op, .name = "int32", .operands = {int32s({1, 2, 3}), int32s({3, 2, 1})}});
    cases.push_back({.op = op, .name = "int64_scalar", .operands = {int64s({2, 2}, {1, 2, 3, 4}), int64s({}, {3})}});
    cases.push_back({.op = op, .name = "empty", .operands = {real({0, 3}), real({3})}});
    cases.push_back(
        {.op = op, .name = "chunks", .operands = {real({131, 257}), real({131, 1})}, .dtypes = kCaseDTypes});
  }
  for (const char* op : {"Equal", "NotEqual"}) {
    cases.push_back({.op = op, .name = "bool", .operands = {bools({4}, {0, 0, 1, 1}), bools({4}, {0, 1, 0, 1})}});
  }
  for (const char* op : {"LogicalAnd", "LogicalOr"}) {
    cases.push_back({.op = op, .name = "truth_table", .operands = {bools({2, 1}, {0, 1}), bools({2}, {0, 1})}});
  }
  cases.push_back({.op = "LogicalNot", .name = "truth_table", .operands = {bools({2}, {0, 1})}});

  const auto select = [&](const char* name, const Operand& condition, const Shape& x, const Shape& y) {
    cases.push_back({.op = "Select", .name = name, .operands = {condition, real(x), real(y)}, .dtypes = kCaseDTypes});
  };
  select("same", bools({2, 3}, {1, 0, 0, 1, 1, 0}), {2, 3}, {2, 3});
  select("scalar_condition", bools({}, {1}), {2, 3}, {2, 3});
  select("row_condition", bools({3}, {1, 0, 1}), {2, 3}, {2, 3});
  select("scalar_right", bools({2, 3}, {1, 0, 0, 1, 1, 0}), {2, 3}, {});
  select("crossed", bools({2, 1, 1}, {1, 0}), {3, 1}, {4});
  select("condition_decides_shape", bools({2, 2}, {1, 0, 0, 1}), {}, {});
  select("empty", bools({0, 3}, {}), {3}, {});
  cases.push_back(
      {.op = "Select", .name = "int64", .operands = {bools({2}, {1, 0}), int64s({2}, {1, 2}), int64s({2}, {3, 4})}});
  cases.push_back(
      {.op = "Select", .name = "bool", .operands = {bools({2}, {1, 0}), bools({2}, {0, 0}), bools({2}, {1, 1})}});

  const auto clip = [&](const char* name, const Shape& x, const Shape& low, const Shape& high) {
    cases.push_back({.op = "ClipByValue",
                     .name = name,
                     .operands = {real(x, -1, 1, {-0.5, 0.5}), real(low, -0.52, -0.48), real(high, 0.48, 0.52)},
                     .dtypes = kCaseDTypes});
  };
  clip("scalars", {3, 5}, {}, {});
  clip("rows", {3, 5}, {5}, {3, 1});
  clip("wider_borders", {5}, {3, 1}, {});
  clip("empty", {0, 5}, {}, {5});
  cases.push_back(
      {.op = "ClipByValue", .name = "int32", .operands = {int32s({-5, 0, 5}), int32s({}, {-1}), int32s({}, {2})}});
}

}  // namespace gradus::cases
