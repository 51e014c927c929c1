// FloatMode: subnormal numbers as 0 in a scope, and in every thread of a pool as in its caller.
#include "gradus/core/float_mode.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cfenv>
#include <limits>
#include <stdexcept>

#include "gradus/core/thread_pool.h"

namespace gradus {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)
constexpr float kLeastNormal = std::numeric_limits<float>::min(), kLeast = std::numeric_limits<float>::denorm_min();

// Computed when the program runs. Whoever compares must do so in a mode that tells subnormal numbers from 0.
float product(float a, float b) {
  volatile float x = a, y = b;
  return x * y;
}

TEST(FloatMode, CountsSubnormalNumbersAsZeroInAScopeOnly) {
  float result = 0, operand = 0, normal = 0, nested = 0;
  {
    const SubnormalsAsZero scope(true);
    result = product(kLeastNormal, 0.5f);
    operand = product(kLeast, 0x1p60f);  // 2^-89, which is no subnormal number
    normal = product(4 * kLeastNormal, 0.5f);
    const SubnormalsAsZero unwanted(false);
    nested = product(kLeastNormal, 0.5f);
  }
  EXPECT_EQ(result, 0);
  EXPECT_EQ(operand, 0);
  EXPECT_EQ(normal, 2 * kLeastNormal);
  EXPECT_EQ(nested, 0);
  EXPECT_EQ(product(kLeastNormal, 0.5f), kLeastNormal / 2);
  EXPECT_EQ(product(kLeast, 0x1p60f), 0x1p-89f);
  try {
    const SubnormalsAsZero scope(true);
    throw std::runtime_error("a kernel's");
  } catch (const std::runtime_error&) {
    EXPECT_EQ(product(kLeastNormal, 0.5f), kLeastNormal / 2);
  }
}

// A program may look for the operation that made its first NaN.
TEST(FloatMode, KeepsTheExceptionsThatWereRaised) {
  std::feclearexcept(FE_ALL_EXCEPT);
  {
    const SubnormalsAsZero scope(true);
    volatile float zero = 0;
    zero = 1 / zero;
  }
  EXPECT_NE(std::fetestexcept(FE_DIVBYZERO), 0);
  std::feclearexcept(FE_ALL_EXCEPT);
}

TEST(FloatMode, IsTheCallersInEveryThreadOfAPool) {
  ThreadPool pool(4);
  // So many chunks that each thread gets some. The number of those that keep a subnormal result, and of those that round up.
  const auto kept_and_rounded_up = [&] {
    std::atomic<int> kept = 0, rounded_up = 0;
    pool.parallel_for(2000, 1, [&](std::int64_t, std::int64_t) {
      for (int i = 0; i < 100; ++i) product(1, 1);
      volatile float one = 1;
      if (product(kLeast, 0x1p60f) != 0) ++kept;
      if (one + 1e-20f > 1) ++rounded_up;
    });
    return std::pair<int, int>(kept, rounded_up);
  };
  EXPECT_EQ(kept_and_rounded_up(), std::pair(2000, 0));
  {
    const SubnormalsAsZero scope(true);
    EXPECT_EQ(kept_and_rounded_up(), std::pair(0, 0));
  }
  std::fesetround(FE_UPWARD);
  EXPECT_EQ(kept_and_rounded_up(), std::pair(2000, 2000));
  std::fesetround(FE_TONEAREST);
  EXPECT_EQ(kept_and_rounded_up(), std::pair(2000, 0));
}
#endif

}  // namespace
}  // namespace gradus
