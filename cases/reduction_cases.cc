// Cases of the reductions: every pattern of kept and reduced dimensions, for every op.
#include "cases/all_cases.h"
#include "gradus/ops/reduction.h"

namespace gradus::cases {
namespace {

struct Axes {
  const char* name;
  Shape x;
  ReductionAttrs attrs;
};
const Axes kSmall[] = {{"all", {2, 3, 4}, {}},
                       {"all_kept_dims", {2, 3}, {{}, true}},
                       {"first", {2, 3, 4}, {{0}, false}},
                       {"middle", {2, 3, 4}, {{1}, false}},
                       {"last", {2, 3, 4}, {{-1}, false}},
                       {"first_and_last", {2, 3, 4}, {{2, 0}, false}},
                       {"outer_two_kept_dims", {2, 3, 4}, {{0, 1}, true}},
                       {"inner_two", {2, 3, 4}, {{-1, -2}, false}},
                       {"alternating", {2, 2, 2, 3}, {{0, 2}, false}},
                       {"size_one", {3, 1}, {{1}, false}},
                       {"scalar", {}, {}},
                       {"five", {5}, {}},
                       {"empty_result", {0, 3}, {{1}, false}}};
// Many runs, long runs, few results over many elements, odd sizes.
const Axes kLarge[] = {{"large_all", {3, 41, 1003}, {}},
                       {"large_rows", {97, 1501}, {{1}, false}},
                       {"large_columns", {1501, 97}, {{0}, false}},
                       {"large_wide_columns", {37, 2100}, {{0}, false}},
                       {"large_channels_first", {9, 5, 1100}, {{0, 2}, false}},
                       {"large_channels_last", {9, 31, 37, 5}, {{0, 1, 2}, false}},
                       {"large_middle", {6, 77, 130}, {{1}, false}}};

}  // namespace

void add_reduction_cases(std::vector<OpCase>& cases) {
  for (const char* op : {"Sum", "Mean", "Max", "Min", "Prod"}) {
    const bool extreme = std::string(op) == "Max" || std::string(op) == "Min";
    const bool product = std::string(op) == "Prod";
    for (const Axes& a : kSmall) {
      cases.push_back({.op = op,
                       .name = a.name,
                       .operands = {extreme   ? distinct(a.x)
                                    : product ? real(a.x, 0.5, 1.5)
                                              : real(a.x)},
                       .attrs = a.attrs,
                       .dtypes = kCaseDTypes});
    }
    for (const Axes& a : kLarge) {
      if (product) continue;  // of thousands of factors nothing is left
      cases.push_back({.op = op,
                       .name = a.name,
                       .operands = {real(a.x)},
                       .attrs = a.attrs,
                       .dtypes = kCaseDTypes,
                       .max_order = 0,
                       .max_order_reason = "the formula of the smaller cases"});
    }
    if (std::string(op) == "Mean") continue;
    if (!extreme) {  // whose result would be an infinity; tests/ops/reduction_test.cc
      cases.push_back(
          {.op = op, .name = "over_nothing", .operands = {real({2, 0, 3})}, .attrs = ReductionAttrs{{1}, false}});
    }
    cases.push_back({.op = op,
                     .name = "int32",
                     .operands = {int32s({2, 3}, {4, -2, 7, 1, 9, -6})},
                     .attrs = ReductionAttrs{{1}, false}});
    cases.push_back({.op = op,
                     .name = "int64",
                     .operands = {int64s({2, 2}, {4, -2, 7, INT64_MAX})},
                     .attrs = ReductionAttrs{{0}, false}});
    cases.push_back({.op = op,
                     .name = "uint8",
                     .operands = {fixed(Tensor::from<std::uint8_t>({200, 100, 3}))},
                     .attrs = ReductionAttrs{}});
  }
  cases.push_back({.op = "Prod", .name = "seven", .operands = {real({7}, -1.5, 1.5)}, .attrs = ReductionAttrs{}});
  cases.push_back({.op = "Prod",
                   .name = "rows",
                   .operands = {real({20, 33}, 0.8, 1.25)},
                   .attrs = ReductionAttrs{{1}, false},
                   .max_order = 0,
                   .max_order_reason = "the formula of the smaller cases"});

  for (const Axes& a : kSmall) {
    cases.push_back({.op = "EuclideanNorm",
                     .name = a.name,
                     .operands = {real(a.x, -1, 1, {0})},  // of one element it is |x|
                     .attrs = a.attrs,
                     .dtypes = kCaseDTypes});
  }
  for (const Axes& a : kLarge) {
    cases.push_back({.op = "EuclideanNorm",
                     .name = a.name,
                     .operands = {real(a.x)},
                     .attrs = a.attrs,
                     .dtypes = kCaseDTypes,
                     .max_order = 0,
                     .max_order_reason = "the formula of the smaller cases"});
  }
  cases.push_back({.op = "EuclideanNorm",
                   .name = "over_nothing",
                   .operands = {real({2, 0, 3})},
                   .attrs = ReductionAttrs{{1}, false}});

  for (const Shape& x : {Shape{}, Shape{3, 5}, Shape{0, 2}}) {
    cases.push_back({.op = "L2Loss",
                     .name = "rank" + std::to_string(x.rank()) + (x.rank() == 2 && x[0] == 0 ? "_empty" : ""),
                     .operands = {real(x)},
                     .dtypes = kCaseDTypes});
  }
  cases.push_back({.op = "L2Loss",
                   .name = "large",
                   .operands = {real({41, 1003})},
                   .dtypes = kCaseDTypes,
                   .max_order = 0,
                   .max_order_reason = "the formula of the smaller cases"});

  const auto sum_to = [&](const char* name, const Shape& x, const std::vector<std::int32_t>& shape) {
    cases.push_back({.op = "SumToShape", .name = name, .operands = {real(x), int32s(shape)}, .dtypes = kCaseDTypes});
  };
  sum_to("same", {2, 3}, {2, 3});
  sum_to("row", {2, 3, 4}, {4});
  sum_to("column", {2, 3, 4}, {2, 1, 1});
  sum_to("middle", {2, 3, 4}, {3, 1});
  sum_to("scalar", {2, 3}, {});
  sum_to("empty_to_row", {0, 3}, {3});
  cases.push_back({.op = "SumToShape", .name = "int64_shape", .operands = {real({2, 3}), int64s({2}, {1, 3})}});
}

}  // namespace gradus::cases
