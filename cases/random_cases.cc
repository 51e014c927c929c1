// The seed attribute makes the values a function of the run's number alone, so that both backends can be compared. Moments and
// distributions are in tests/ops/random_test.cc.
#include "cases/all_cases.h"
#include "gradus/ops/random.h"

namespace gradus::cases {

void add_random_cases(std::vector<OpCase>& cases) {
  for (const DType dtype : kCaseDTypes) {
    const std::string name = dtype_name(dtype);
    cases.push_back({.op = "RandomUniform",
                     .name = name,
                     .operands = {int32s({3, 5})},
                     .attrs = RandomUniformAttrs{.dtype = dtype, .low = -1.0, .high = 3.0, .seed = 7}});
    cases.push_back({.op = "RandomNormal",
                     .name = name,
                     .operands = {int32s({3, 5})},
                     .attrs = RandomNormalAttrs{.dtype = dtype, .mean = 1.0, .stddev = 2.0, .seed = 7}});
    cases.push_back({.op = "TruncatedNormal",
                     .name = name,
                     .operands = {int32s({3, 5})},
                     .attrs = RandomNormalAttrs{.dtype = dtype, .mean = 1.0, .stddev = 2.0, .seed = 7}});
  }
  cases.push_back({.op = "RandomNormal",
                   .name = "scalar",
                   .operands = {int32s(Shape{0}, {})},
                   .attrs = RandomNormalAttrs{.seed = 7}});
  cases.push_back(
      {.op = "RandomNormal", .name = "empty", .operands = {int32s({2, 0})}, .attrs = RandomNormalAttrs{.seed = 7}});

  const std::vector<DType> floating = kCaseDTypes;
  cases.push_back({.op = "Dropout",
                   .name = "matrix",
                   .operands = {real({3, 7})},
                   .attrs = DropoutAttrs{.rate = 0.4, .seed = 7},
                   .dtypes = floating});
  cases.push_back(
      {.op = "Dropout", .name = "keep_all", .operands = {real({5})}, .attrs = DropoutAttrs{.rate = 0.0, .seed = 7}});
  cases.push_back(
      {.op = "Dropout", .name = "empty", .operands = {real({0, 3})}, .attrs = DropoutAttrs{.rate = 0.5, .seed = 7}});
}

}  // namespace gradus::cases
