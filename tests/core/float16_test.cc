// Float16 against a plain oracle: the value of a bit pattern by the formula of IEEE 754, and rounding by looking for
// the two neighbours among all finite values and choosing the nearer one (the even one when both are equally near).
#include "gradus/core/float16.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace gradus {
namespace {

// (-1)^s * 2^(e-15) * (1 + m/1024), or 2^-14 * m/1024 for e = 0.
double value_of_bits(std::uint16_t bits) {
  const double sign = (bits & 0x8000u) != 0 ? -1.0 : 1.0;
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  if (exponent == 31) {
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

// Non-negative finite values in order: the value of pattern i at index i.
const std::vector<double>& magnitudes() {
  static const std::vector<double> values = [] {
    std::vector<double> v;
    for (std::uint32_t bits = 0; bits < 0x7c00u; ++bits) v.push_back(value_of_bits(static_cast<std::uint16_t>(bits)));
    return v;
  }();
  return values;
}

std::uint16_t round_by_search(double x) {
  const std::uint16_t sign = std::signbit(x) ? 0x8000u : 0;
  const double magnitude = std::fabs(x);
  const auto& values = magnitudes();
  if (magnitude >= 65520.0)
    return static_cast<std::uint16_t>(sign | 0x7c00u);  // half way from 65504 to 65536: to even, infinity
  const auto above = std::lower_bound(values.begin(), values.end(), magnitude);
  std::uint32_t index = static_cast<std::uint32_t>(above - values.begin());
  if (above == values.end()) {
    index = 0x7bffu;  // between 65504 and 65520
  } else if (*above != magnitude) {
    const double to_above = *above - magnitude;  // exact: both are multiples of a small power of two, or far smaller
    const double to_below = magnitude - values[index - 1];
    if (to_below < to_above || (to_below == to_above && (index - 1) % 2 == 0)) --index;
  }
  return static_cast<std::uint16_t>(sign | index);
}

TEST(Float16, EveryBitPatternHasTheValueOfTheFormula) {
  for (std::uint32_t bits = 0; bits <= 0xffffu; ++bits) {
    const auto pattern = static_cast<std::uint16_t>(bits);
    const double expected = value_of_bits(pattern);
    const double actual = static_cast<double>(Float16::from_bits(pattern));
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(actual)) << bits;
    } else {
      ASSERT_EQ(actual, expected) << bits;
      ASSERT_EQ(std::signbit(actual), std::signbit(expected)) << bits;
    }
  }
}

TEST(Float16, EveryValueConvertsBackToItsBits) {
  for (std::uint32_t bits = 0; bits <= 0xffffu; ++bits) {
    const auto half = Float16::from_bits(static_cast<std::uint16_t>(bits));
    const bool nan = (bits & 0x7fffu) > 0x7c00u;
    const std::uint16_t from_float = Float16(static_cast<float>(half)).bits();
    const std::uint16_t from_double = Float16(static_cast<double>(half)).bits();
    if (nan) {
      EXPECT_GT(from_float & 0x7fffu, 0x7c00u);
      EXPECT_GT(from_double & 0x7fffu, 0x7c00u);
    } else {
      ASSERT_EQ(from_float, bits);
      ASSERT_EQ(from_double, bits);
    }
  }
}

// For every neighbouring pair: their middle (a tie) and the nearest doubles and floats on both sides of it.
TEST(Float16, RoundsToNearestEvenAtEveryBorder) {
  const auto& values = magnitudes();
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    const double middle = (values[i] + values[i + 1]) / 2;
    for (double x : {middle, std::nextafter(middle, 0.0), std::nextafter(middle, 1e9)}) {
      ASSERT_EQ(Float16(x).bits(), round_by_search(x)) << x;
      ASSERT_EQ(Float16(-x).bits(), round_by_search(-x)) << -x;
    }
    const auto m = static_cast<float>(middle);  // exact: one bit more than a float16
    for (float x : {m, std::nextafter(m, 0.0f), std::nextafter(m, 1e9f)}) {
      ASSERT_EQ(Float16(x).bits(), round_by_search(static_cast<double>(x))) << x;
      ASSERT_EQ(Float16(-x).bits(), round_by_search(static_cast<double>(-x))) << -x;
    }
  }
}

TEST(Float16, SampledFloatsRoundLikeTheOracle) {
  // Every 4099th bit pattern: both signs, all exponents, changing mantissas.
  for (std::uint64_t f = 0; f < 0x1'0000'0000u; f += 4099) {
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(f));
    if (std::isnan(x)) {
      ASSERT_GT(Float16(x).bits() & 0x7fffu, 0x7c00u);
    } else {
      ASSERT_EQ(Float16(x).bits(), round_by_search(static_cast<double>(x))) << x;
    }
  }
}

TEST(Float16, ADoubleRoundsOnceNotByWayOfFloat32) {
  // 1 + 2^-11 is half way from 1 to the next float16; 2^-40 more must round up. float32 would drop the 2^-40 and
  // round to even.
  const double x = 1.0 + std::ldexp(1.0, -11) + std::ldexp(1.0, -40);
  EXPECT_EQ(Float16(x).bits(), 0x3c01u);
  EXPECT_EQ(Float16(static_cast<double>(static_cast<float>(x))).bits(), 0x3c00u);
}

TEST(Float16, LimitsAndSpecialValues) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Float16(65504.0).bits(), 0x7bffu);
  EXPECT_EQ(Float16(65519.99).bits(), 0x7bffu);
  EXPECT_EQ(Float16(65520.0).bits(), 0x7c00u);
  EXPECT_EQ(Float16(1e300).bits(), 0x7c00u);
  EXPECT_EQ(Float16(-1e300).bits(), 0xfc00u);
  EXPECT_EQ(Float16(infinity).bits(), 0x7c00u);
  EXPECT_EQ(Float16(-0.0).bits(), 0x8000u);
  EXPECT_EQ(Float16(std::ldexp(1.0, -24)).bits(), 1u);
  EXPECT_EQ(Float16(std::ldexp(1.0, -25)).bits(), 0u);  // a tie between 0 and the smallest: to even
  EXPECT_EQ(Float16(std::ldexp(1.5, -25)).bits(), 1u);
  EXPECT_EQ(Float16(1e-300).bits(), 0u);
  EXPECT_EQ(Float16(std::numeric_limits<double>::denorm_min()).bits(), 0u);
  const Float16 nan(std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(nan == nan);
  EXPECT_TRUE(Float16(0.0) == Float16(-0.0));
  EXPECT_TRUE(Float16(-1.0) < Float16(2));
}

}  // namespace
}  // namespace gradus
