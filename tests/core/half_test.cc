// The types of 16 bits against a plain oracle: the value of a bit pattern by the formula of IEEE 754, and rounding by looking for
// the two neighbours among all finite values and choosing the nearer one (the even one when both are equally near).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gradus/core/bfloat16.h"
#include "gradus/core/float16.h"

namespace gradus {
namespace {

// The formats as they are defined: bits of the exponent and of the fraction.
template <class T>
struct Layout;
template <>
struct Layout<Float16> {
  static constexpr int kExponent = 5, kFraction = 10;
};
template <>
struct Layout<BFloat16> {
  static constexpr int kExponent = 8, kFraction = 7;
};

template <class T>
class HalfTypes : public ::testing::Test {
 protected:
  static constexpr int kFraction = Layout<T>::kFraction;
  static constexpr int kBias = (1 << (Layout<T>::kExponent - 1)) - 1;
  static constexpr std::uint32_t kInfinity = ((1u << Layout<T>::kExponent) - 1) << kFraction;

  // (-1)^s * 2^(e - bias) * (1 + m / 2^fraction), or 2^(1 - bias) * m / 2^fraction for e = 0.
  static double value_of(std::uint32_t bits) {
    const double sign = (bits & 0x8000u) != 0 ? -1.0 : 1.0;
    const int exponent = static_cast<int>((bits & 0x7fffu) >> kFraction);
    const int mantissa = static_cast<int>(bits & ((1u << kFraction) - 1));
    if ((bits & kInfinity) == kInfinity) {
      return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
    }
    if (exponent == 0) return sign * std::ldexp(mantissa, 1 - kBias - kFraction);
    return sign * std::ldexp((1 << kFraction) + mantissa, exponent - kBias - kFraction);
  }

  // Non-negative finite values in order, the value of pattern i at index i, and the power of two that would come next: rounding to it
  // is rounding to infinity.
  static const std::vector<double>& magnitudes() {
    static const std::vector<double> values = [] {
      std::vector<double> v;
      for (std::uint32_t bits = 0; bits < kInfinity; ++bits) v.push_back(value_of(bits));
      v.push_back(std::ldexp(1.0, kBias + 1));
      return v;
    }();
    return values;
  }

  static std::uint16_t nearest(double x) {
    const std::uint32_t sign = std::signbit(x) ? 0x8000u : 0;
    const double magnitude = std::fabs(x);
    const auto& values = magnitudes();
    const auto above = std::lower_bound(values.begin(), values.end(), magnitude);
    auto index = static_cast<std::uint32_t>(above - values.begin());
    if (above == values.end()) {
      index = kInfinity;
    } else if (*above != magnitude) {
      const double to_above = *above - magnitude;  // exact: both are multiples of a small power of two, or far smaller
      const double to_below = magnitude - values[index - 1];
      if (to_below < to_above || (to_below == to_above && (index - 1) % 2 == 0)) --index;
    }
    return static_cast<std::uint16_t>(sign | index);
  }

  static bool is_nan(T x) { return (x.bits() & 0x7fffu) > kInfinity; }
};

using Types = ::testing::Types<Float16, BFloat16>;
struct TypeNames {
  template <class T>
  static std::string GetName(int) {
    return std::is_same_v<T, Float16> ? "Float16" : "BFloat16";
  }
};
TYPED_TEST_SUITE(HalfTypes, Types, TypeNames);

TYPED_TEST(HalfTypes, EveryBitPatternHasTheValueOfTheFormula) {
  for (std::uint32_t bits = 0; bits <= 0xffffu; ++bits) {
    const double expected = this->value_of(bits);
    const auto half = TypeParam::from_bits(static_cast<std::uint16_t>(bits));
    const auto actual = static_cast<double>(half);
    ASSERT_EQ(half.bits(), bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(actual)) << bits;
    } else {
      ASSERT_EQ(actual, expected) << bits;
      ASSERT_EQ(std::signbit(actual), std::signbit(expected)) << bits;
      ASSERT_EQ(static_cast<double>(static_cast<float>(half)), expected) << bits;
    }
  }
}

TYPED_TEST(HalfTypes, EveryValueConvertsBackToItsBits) {
  for (std::uint32_t bits = 0; bits <= 0xffffu; ++bits) {
    const auto half = TypeParam::from_bits(static_cast<std::uint16_t>(bits));
    const TypeParam from_float(static_cast<float>(half)), from_double(static_cast<double>(half));
    if (this->is_nan(half)) {
      ASSERT_TRUE(this->is_nan(from_float)) << bits;
      ASSERT_TRUE(this->is_nan(from_double)) << bits;
      ASSERT_EQ(from_float.bits() & 0x8000u, bits & 0x8000u) << bits;
    } else {
      ASSERT_EQ(from_float.bits(), bits);
      ASSERT_EQ(from_double.bits(), bits);
    }
  }
}

// For every neighbouring pair: their middle (a tie) and the nearest doubles and floats on both sides of it.
TYPED_TEST(HalfTypes, RoundsToNearestEvenAtEveryBorder) {
  const auto& values = this->magnitudes();
  constexpr double kUp = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    const double middle = (values[i] + values[i + 1]) / 2;
    for (double x : {middle, std::nextafter(middle, 0.0), std::nextafter(middle, kUp)}) {
      ASSERT_EQ(TypeParam(x).bits(), this->nearest(x)) << x;
      ASSERT_EQ(TypeParam(-x).bits(), this->nearest(-x)) << -x;
    }
    const auto m = static_cast<float>(middle);  // exact: one bit more than a number of 16 bits
    ASSERT_EQ(static_cast<double>(m), middle);
    for (float x : {m, std::nextafter(m, 0.0f), std::nextafter(m, static_cast<float>(kUp))}) {
      ASSERT_EQ(TypeParam(x).bits(), this->nearest(static_cast<double>(x))) << x;
      ASSERT_EQ(TypeParam(-x).bits(), this->nearest(static_cast<double>(-x))) << -x;
    }
  }
}

TYPED_TEST(HalfTypes, SampledFloatsRoundLikeTheOracle) {
  // Every 4099th bit pattern: both signs, all exponents, changing mantissas.
  for (std::uint64_t f = 0; f < 0x1'0000'0000u; f += 4099) {
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(f));
    if (std::isnan(x)) {
      ASSERT_TRUE(this->is_nan(TypeParam(x)));
    } else {
      ASSERT_EQ(TypeParam(x).bits(), this->nearest(static_cast<double>(x))) << x;
    }
  }
}

// Over all exponents of float64: far beyond, around, and far below the type's.
TYPED_TEST(HalfTypes, SampledDoublesRoundLikeTheOracle) {
  std::uint64_t bits = 0x0123456789abcdefu;
  for (int i = 0; i < 200000; ++i) {
    bits = bits * 6364136223846793005u + 1442695040888963407u;  // Knuth's linear congruential generator
    const double any = std::bit_cast<double>(bits ^ (bits >> 29));
    const double near = std::ldexp(1 + static_cast<double>(bits >> 12) * 0x1p-52, static_cast<int>(bits % 300) - 160);
    for (const double x : {any, near, -near}) {
      if (!std::isnan(x)) {
        ASSERT_EQ(TypeParam(x).bits(), this->nearest(x)) << x;
      }
    }
  }
}

TYPED_TEST(HalfTypes, ADoubleRoundsOnceNotByWayOfFloat32) {
  // 1 + half a unit is half way from 1 to the next number; 2^-40 more must round up. float32 would drop the 2^-40 and round to even.
  const double x = 1.0 + std::ldexp(0.5, -this->kFraction) + 0x1p-40;
  EXPECT_EQ(TypeParam(x).bits(), TypeParam(1).bits() + 1);
  EXPECT_EQ(TypeParam(static_cast<double>(static_cast<float>(x))).bits(), TypeParam(1).bits());
}

TYPED_TEST(HalfTypes, SpecialValuesAndComparisons) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(TypeParam::kInfinity, this->kInfinity);
  EXPECT_EQ(TypeParam(1e300).bits(), this->kInfinity);
  EXPECT_EQ(TypeParam(-1e300).bits(), this->kInfinity | 0x8000u);
  EXPECT_EQ(TypeParam(infinity).bits(), this->kInfinity);
  EXPECT_EQ(TypeParam(static_cast<float>(-infinity)).bits(), this->kInfinity | 0x8000u);
  EXPECT_EQ(TypeParam(-0.0).bits(), 0x8000u);
  EXPECT_EQ(TypeParam(1e-300).bits(), 0u);
  EXPECT_EQ(TypeParam(-1e-300).bits(), 0x8000u);
  EXPECT_EQ(TypeParam(std::numeric_limits<double>::denorm_min()).bits(), 0u);
  const TypeParam nan(std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(nan == nan);
  EXPECT_TRUE(TypeParam(0.0) == TypeParam(-0.0));
  EXPECT_TRUE(TypeParam(-1.0) < TypeParam(2));
  static_assert(static_cast<double>(TypeParam(0.5)) == 0.5, "known at compile time");
}

TEST(Float16, Limits) {
  EXPECT_EQ(Float16(65504.0).bits(), 0x7bffu);
  EXPECT_EQ(Float16(65519.99).bits(), 0x7bffu);
  EXPECT_EQ(Float16(65520.0).bits(), 0x7c00u);
  EXPECT_EQ(Float16(0x1p-24).bits(), 1u);
  EXPECT_EQ(Float16(0x1p-25).bits(), 0u);  // a tie between 0 and the smallest: to even
  EXPECT_EQ(Float16(0x1.8p-25).bits(), 1u);
}

TEST(BFloat16, Limits) {
  EXPECT_EQ(BFloat16(0x1.fep127).bits(), 0x7f7fu);  // 3.3895e38
  EXPECT_EQ(BFloat16(0x1.fefffep127).bits(), 0x7f7fu);
  EXPECT_EQ(BFloat16(0x1.ffp127).bits(), 0x7f80u);  // half way from there to 2^128: to even, infinity
  EXPECT_EQ(BFloat16(std::numeric_limits<float>::max()).bits(), 0x7f80u);
  EXPECT_EQ(BFloat16(0x1p-126).bits(), 0x0080u);
  EXPECT_EQ(BFloat16(0x1p-133).bits(), 1u);
  EXPECT_EQ(BFloat16(0x1p-134).bits(), 0u);  // a tie between 0 and the smallest: to even
  EXPECT_EQ(BFloat16(0x1.8p-134).bits(), 1u);
  EXPECT_EQ(BFloat16(0x1.8p-133).bits(), 2u);
  EXPECT_EQ(BFloat16(1).bits(), 0x3f80u);
  EXPECT_EQ(BFloat16(3.140625).bits(), 0x4049u);  // 201 / 64
  // The lower bits of these float32s alone make them NaN.
  EXPECT_EQ(BFloat16(std::bit_cast<float>(0x7f800001u)).bits(), 0x7fc0u);
  EXPECT_EQ(BFloat16(std::bit_cast<float>(0xffffffffu)).bits(), 0xffc0u);
}

}  // namespace
}  // namespace gradus
