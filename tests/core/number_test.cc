#include "gradus/core/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/values.h"

namespace gradus {
namespace {

TEST(Number, KeepsIntegersOf64BitsAndDoublesExactly) {
  const std::int64_t odd = (std::int64_t{1} << 53) + 1;  // no double
  EXPECT_EQ(Number(odd).integer(), odd);
  EXPECT_EQ(*Number(odd).as<std::int64_t>(), odd);
  EXPECT_EQ(Number(INT64_MIN).as<std::int64_t>(), INT64_MIN);
  EXPECT_EQ(Number(INT64_MAX).as<std::int64_t>(), INT64_MAX);
  EXPECT_EQ(Number(0.1).real(), 0.1);
  EXPECT_EQ(Number(0.1f).real(), static_cast<double>(0.1f));
  EXPECT_EQ(Number(true).as<int>(), 1);
  EXPECT_TRUE(std::signbit(*Number(-0.0).as<float>()));
}

TEST(Number, WholeDoublesAreIntegers) {
  EXPECT_TRUE(Number(3.0) == Number(3));
  EXPECT_TRUE(Number(-9223372036854775808.0) == Number(INT64_MIN));
  EXPECT_FALSE(Number(9223372036854775808.0).is_integer());  // 2^63
  EXPECT_FALSE(Number(UINT64_MAX).is_integer());
  EXPECT_FALSE(Number(0.0) == Number(-0.0));
  EXPECT_TRUE(Number(std::nan("")) == Number(std::nan("")));
  EXPECT_FALSE(Number(0.5) == Number(0));
}

TEST(Number, FitsIntegersOnlyWithinTheirRange) {
  const double inf = std::numeric_limits<double>::infinity();
  struct {
    Number value;
    bool uint8, int32, int64, boolean;
  } const cases[] = {
      {0, true, true, true, true},
      {1.0, true, true, true, true},
      {255, true, true, true, false},
      {256, false, true, true, false},
      {-1, false, true, true, false},
      {2147483647, false, true, true, false},
      {2147483648.0, false, false, true, false},
      {-2147483648.0, false, true, true, false},
      {9223372036854775807, false, false, true, false},
      {9223372036854775808.0, false, false, false, false},
      {0.5, false, false, false, false},
      {-0.0, false, false, false, false},
      {inf, false, false, false, false},
      {-inf, false, false, false, false},
      {std::nan(""), false, false, false, false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(fits(c.value, DType::kUInt8), c.uint8) << c.value.to_string();
    EXPECT_EQ(fits(c.value, DType::kInt32), c.int32) << c.value.to_string();
    EXPECT_EQ(fits(c.value, DType::kInt64), c.int64) << c.value.to_string();
    EXPECT_EQ(fits(c.value, DType::kBool), c.boolean) << c.value.to_string();
    for (const DType dtype : kDTypes) EXPECT_TRUE(fits(c.value, dtype));
  }
}

TEST(Number, RoundsToFloatingDtypesOnce) {
  // 2^24 + 1 lies between two float32; 65520 is where float16 rounds to infinity.
  EXPECT_EQ(*Number(16777217).as<float>(), 16777216.0f);
  EXPECT_EQ(static_cast<double>(*Number(65519).as<Float16>()), 65504.0);
  EXPECT_TRUE(std::isinf(static_cast<double>(*Number(65520).as<Float16>())));
  EXPECT_EQ(static_cast<double>(*Number(65520).as<BFloat16>()), 65536.0);
  EXPECT_EQ(static_cast<double>(*Number((std::int64_t{257} << 40) + 1).as<BFloat16>()), 258 * 0x1p40);  // above the tie
  EXPECT_EQ(*Number((std::int64_t{1} << 53) + 1).as<double>(), 9007199254740992.0);
}

TEST(Number, SaysWhatADtypeHolds) {
  EXPECT_EQ(misfit_text("constant_value", 300, DType::kUInt8),
            "constant_value must be an integer from 0 to 255 for uint8; got 300");
  EXPECT_EQ(misfit_text("on_value", std::nan(""), DType::kInt32),
            "on_value must be an integer from -2147483648 to 2147483647 for int32; got nan");
  EXPECT_EQ(misfit_text("off_value", 0.5, DType::kBool), "off_value must be 0 or 1 for bool; got 0.5");
}

}  // namespace
}  // namespace gradus
