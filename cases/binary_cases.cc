// Cases of the element-wise ops of two operands: every way of broadcasting, for every op.
#include "cases/all_cases.h"

namespace gradus::cases {
namespace {

struct Shapes {
  const char* name;
  Shape x, y;
};
const Shapes kShapes[] = {{"same", {2, 3}, {2, 3}},
                          {"scalar_right", {2, 3}, {}},
                          {"scalar_left", {}, {2, 3}},
                          {"both_scalars", {}, {}},
                          {"row", {2, 3, 4}, {4}},
                          {"row_left", {4}, {2, 3, 4}},
                          {"column", {3, 4}, {3, 1}},
                          {"middle", {2, 3, 4}, {3, 1}},
                          {"outer_product", {3, 1}, {1, 4}},
                          {"crossed", {2, 1, 3, 1}, {4, 1, 5}},
                          {"ones", {1, 1}, {1}},
                          {"empty", {0, 3}, {3}},
                          {"empty_by_broadcast", {1, 3}, {0, 1}}};

// x is drawn from [low_x, high_x) without kinks, y from [low_y, high_y).
struct Domain {
  const char* op;
  double low_x = -1, high_x = 1, low_y = -1, high_y = 1;
  std::vector<double> kinks = {};
};

}  // namespace

void add_binary_cases(std::vector<OpCase>& cases) {
  // Maximum and minimum: y is near 0 and x is not, so that nothing ties.
  const Domain domains[] = {{"Add"},
                            {"Sub"},
                            {"Mul"},
                            {"RealDiv", -1, 1, 0.5, 2},
                            {"Pow", 0.3, 2, -2, 3},
                            {"SquaredDifference"},
                            {"Maximum", -1, 1, -0.02, 0.02, {0}},
                            {"Minimum", -1, 1, -0.02, 0.02, {0}}};
  for (const Domain& d : domains) {
    for (const Shapes& s : kShapes) {
      cases.push_back({.op = d.op,
                       .name = s.name,
                       .operands = {real(s.x, d.low_x, d.high_x, d.kinks), real(s.y, d.low_y, d.high_y)},
                       .dtypes = kCaseDTypes});
    }
    for (const Shapes& s :
         {Shapes{"chunks", {131, 257}, {131, 257}}, Shapes{"chunks_row", {131, 257}, {257}},
          Shapes{"chunks_column", {131, 257}, {131, 1}}, Shapes{"chunks_crossed", {7, 1, 67, 5}, {11, 1, 5}}}) {
      cases.push_back({.op = d.op,
                       .name = s.name,
                       .operands = {real(s.x, d.low_x, d.high_x, d.kinks), real(s.y, d.low_y, d.high_y)},
                       .dtypes = kCaseDTypes,
                       .max_order = 0,
                       .max_order_reason = "the formula of the smaller cases"});
    }
  }
  cases.push_back({.op = "Pow",
                   .name = "zero_to_whole_powers",
                   .operands = {fixed(Tensor::from<double>({0, 0, 0, -2})), fixed(Tensor::from<double>({0, 1, 2, 3}))},
                   .max_order = 0,
                   .max_order_reason = "on the border of the domain; tests/ops/binary_test.cc"});

  for (const char* op : {"Add", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference", "FloorDiv", "FloorMod"}) {
    cases.push_back({.op = op,
                     .name = "int32",
                     .operands = {int32s({7, -7, 7, -7, INT32_MIN, INT32_MAX}), int32s({2, 2, -2, -2, -1, 3})}});
    cases.push_back(
        {.op = op, .name = "int64", .operands = {int64s({2, 2}, {7, -7, INT64_MIN, INT64_MAX}), int64s({}, {-1})}});
    cases.push_back(
        {.op = op, .name = "int32_column", .operands = {int32s({2, 3}, {1, 2, 3, 4, 5, 6}), int32s({2, 1}, {5, -3})}});
    cases.push_back({.op = op,
                     .name = "uint8",
                     .operands = {fixed(Tensor::from<std::uint8_t>({0, 1, 7, 255})),
                                  fixed(Tensor::from<std::uint8_t>({1, 2, 200, 254}))}});
  }

  const auto bytes = [](std::initializer_list<std::uint8_t> values) {
    return fixed(Tensor::from<std::uint8_t>(values));
  };
  cases.push_back({.op = "Pow",
                   .name = "int32",
                   .operands = {int32s({0, 0, 7, -7, -2, 3, INT32_MIN, 46341}), int32s({0, 5, 1, 3, 31, 21, 2, 2})}});
  cases.push_back(
      {.op = "Pow", .name = "int32_row", .operands = {int32s({2, 3}, {1, 2, 3, 4, 5, -6}), int32s({3}, {0, 1, 2})}});
  cases.push_back({.op = "Pow",
                   .name = "int64",
                   .operands = {int64s({5}, {-1, 3, 10, 2, 3}), int64s({5}, {INT64_MAX, 39, 18, 63, 41})}});
  cases.push_back({.op = "Pow", .name = "uint8", .operands = {bytes({2, 3, 16, 255}), bytes({7, 5, 2, 255})}});
  cases.push_back({.op = "Pow", .name = "empty_int32", .operands = {int32s({0}, {}), int32s({1}, {-1})}});

  cases.push_back({.op = "AddN", .name = "one", .operands = {real({2, 3})}, .dtypes = kCaseDTypes});
  cases.push_back(
      {.op = "AddN", .name = "three", .operands = {real({2, 3}), real({2, 3}), real({2, 3})}, .dtypes = kCaseDTypes});
  // More than a GPU's kernel takes in one pass.
  cases.push_back(
      {.op = "AddN", .name = "many", .operands = std::vector<Operand>(40, real({3})), .dtypes = kCaseDTypes});
  cases.push_back({.op = "AddN", .name = "scalars", .operands = {real({}), real({})}, .dtypes = kCaseDTypes});
  cases.push_back({.op = "AddN", .name = "empty", .operands = {real({0, 2}), real({0, 2})}});
  cases.push_back({.op = "AddN", .name = "int32", .operands = {int32s({1, INT32_MAX}), int32s({2, 1})}});
  cases.push_back({.op = "AddN",
                   .name = "chunks",
                   .operands = {real({131, 257}), real({131, 257}), real({131, 257})},
                   .dtypes = kCaseDTypes,
                   .max_order = 0,
                   .max_order_reason = "the formula of the smaller cases"});
}

}  // namespace gradus::cases
