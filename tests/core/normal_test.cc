// How exact the logarithm and the cosine of normal numbers are, against the widest floating type, in units of the last place; and that the
// library's bits are those of a build without joined products and sums.
#include "gradus/core/normal.h"

#include <gtest/gtest.h>

#include <vector>

#include "gradus/core/philox.h"
#include "tests/support/wide.h"

namespace gradus {
namespace {

constexpr double kUnit = 0x1.0p-53;  // all uniform numbers are multiples of it

// Multiples of kUnit in [0, 1]: `count` of them at random, `near` on both sides of each of these places.
std::vector<double> uniform_numbers(const std::vector<double>& places, int near = 300, int count = 20000) {
  std::vector<double> numbers;
  for (const double place : places) {
    for (int k = -near; k <= near; ++k) {
      const double u = place + k * kUnit;
      if (u >= 0 && u <= 1) numbers.push_back(u);
    }
  }
  const PhiloxStream stream(6, 1);
  for (int i = 0; i < count; ++i) {
    // Of all magnitudes as well: small ones are rare.
    const double u = stream.uniform(static_cast<std::uint64_t>(i));
    numbers.push_back(u);
    numbers.push_back(std::floor(std::ldexp(u, 53 - i % 53)) * kUnit);
  }
  return numbers;
}

TEST(NormalFormulas, TheLogarithmIsWithinOneUnitOfTheLastPlace) {
  double worst = 0;
  for (const double u : uniform_numbers({0, 0x1.0p-40, 0.25, 0.35355339059327373, 0.5, 0.70710678118654752, 1})) {
    if (u > 0) worst = std::max(worst, wide::ulps(formulas::logarithm(u), wide::log(u), DType::kFloat64));
  }
  EXPECT_LT(worst, 1.0);
  EXPECT_EQ(formulas::logarithm(1.0), 0);
  EXPECT_EQ(formulas::logarithm(kUnit), -36.7368005696771);  // -53 ln(2) = -36.736800569677101...
}

// Against the sine, which keeps its digits where the cosine is near 0; and that the identity holds.
TEST(NormalFormulas, TheCosineIsWithinTwoUnitsOfTheLastPlace) {
  double worst = 0;
  for (const double u : uniform_numbers({0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1})) {
    if (u == 1) continue;
    const Wide turns = u, from_zero = turns < 0.5 ? 0.25 - turns : turns - 0.75;
    const Wide exact = wide::sin(2 * wide::kPi * from_zero);
    ASSERT_LT(wide::abs(exact - wide::cos(2 * wide::kPi * turns)), 1e-17);
    worst = std::max(worst, wide::ulps(formulas::cosine_of_turns(u), exact, DType::kFloat64));
  }
  EXPECT_LT(worst, 2.0);
  EXPECT_EQ(formulas::cosine_of_turns(0.0), 1);
  EXPECT_EQ(formulas::cosine_of_turns(0.25), 0);
  EXPECT_EQ(formulas::cosine_of_turns(0.5), -1);
  EXPECT_EQ(formulas::cosine_of_turns(0.75), 0);
}

TEST(NormalFormulas, NormalNumbersAreThoseOfBoxAndMuller) {
  double worst = 0;
  const PhiloxStream stream(3, 4);
  for (std::uint64_t i = 0; i < 20000; ++i) {
    const auto words = stream.block(i);
    const std::uint64_t first = (std::uint64_t{words[0]} << 32 | words[1]) >> 11,
                        second = (std::uint64_t{words[2]} << 32 | words[3]) >> 11;
    const Wide u = (static_cast<Wide>(first) + 1) * kUnit, v = static_cast<Wide>(second) * kUnit;
    const Wide turns = v < 0.5 ? 0.25 - v : v - 0.75;
    const Wide exact = wide::sqrt(-2 * wide::log(u)) * wide::sin(2 * wide::kPi * turns);
    worst = std::max(worst, wide::ulps(stream.normal(i), exact, DType::kFloat64));
  }
  EXPECT_LT(worst, 3.0);
  // The largest that there is: sqrt(-2 ln(2^-53)) = sqrt(73.473601139354203...).
  EXPECT_DOUBLE_EQ(formulas::box_muller(kUnit, 0.0), 8.571674348652905);
}

// This file is compiled without optimisation and for any processor, and the library for this one, which may have an instruction for
// x * y + z.
TEST(NormalFormulas, TheLibraryHasTheBitsOfPlainProductsAndSums) {
  const PhiloxStream stream(8, 2);
  for (std::uint64_t i = 0; i < 50000; ++i) {
    const auto u = stream.uniform_pair(i);
    ASSERT_EQ(stream.normal(i), formulas::box_muller(u.positive, u.other)) << i;
  }
}

}  // namespace
}  // namespace gradus
