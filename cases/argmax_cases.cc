// Cases of argmax, argmin and in_top_k.
#include "cases/all_cases.h"
#include "gradus/ops/argmax.h"

namespace gradus::cases {
void add_argmax_cases(std::vector<OpCase>& cases) {
  for (const char* op : {"ArgMax", "ArgMin"}) {
    for (const std::int64_t axis : {0, 1, -1}) {
      cases.push_back({.op = op,
                       .name = "axis" + std::to_string(axis),
                       .operands = {distinct({3, 4, 2})},
                       .attrs = ArgMaxAttrs{axis},
                       .dtypes = kCaseDTypes});
    }
    cases.push_back(
        {.op = op, .name = "int32_result", .operands = {distinct({7})}, .attrs = ArgMaxAttrs{0, DType::kInt32}});
    cases.push_back(
        {.op = op, .name = "ties", .operands = {int32s({2, 4}, {1, 5, 5, 1, 2, 2, 0, 0})}, .attrs = ArgMaxAttrs{1}});
    cases.push_back({.op = op, .name = "no_lines", .operands = {real({0, 3})}, .attrs = ArgMaxAttrs{1}});
    cases.push_back({.op = op, .name = "large", .operands = {real({300, 123})}, .attrs = ArgMaxAttrs{1}});
  }
  for (const std::int64_t k : {1, 2, 5, 9}) {
    cases.push_back({.op = "InTopK",
                     .name = "k" + std::to_string(k),
                     .operands = {distinct({4, 5}), int32s({0, 3, 4, 1})},
                     .attrs = InTopKAttrs{k},
                     .dtypes = kCaseDTypes});
  }
  cases.push_back({.op = "InTopK",
                   .name = "int64_out_of_range",
                   .operands = {distinct({3, 4}), int64s({3}, {-1, 4, 2})},
                   .attrs = InTopKAttrs{4}});
  cases.push_back(
      {.op = "InTopK", .name = "no_rows", .operands = {real({0, 4}), int32s(Shape{0}, {})}, .attrs = InTopKAttrs{1}});
}

}  // namespace gradus::cases
