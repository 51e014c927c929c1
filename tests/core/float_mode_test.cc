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
// Computed when the program runs.
float halved(float x) {
  volatile float operand = x;
  return operand * 0.5f;
}
constexpr float kLeastNormal = std::numeric_limits<float>::min();

TEST(FloatMode, CountsSubnormalNumbersAsZeroInAScopeOnly) {
  EXPECT_EQ(halved(kLeastNormal), kLeastNormal / 2);
  {
    const SubnormalsAsZero scope(true);
    EXPECT_EQ(halved(kLeastNormal), 0);                         // a result
    EXPECT_EQ(halved(kLeastNormal / 2) * 8 / kLeastNormal, 0);  // an operand
    EXPECT_EQ(halved(4 * kLeastNormal), 2 * kLeastNormal);
    const SubnormalsAsZero unwanted(false);
    EXPECT_EQ(halved(kLeastNormal), 0);
  }
  EXPECT_EQ(halved(kLeastNormal), kLeastNormal / 2);
  try {
    const SubnormalsAsZero scope(true);
    throw std::runtime_error("a kernel's");
  } catch (const std::runtime_error&) {
    EXPECT_EQ(halved(kLeastNormal), kLeastNormal / 2);
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
      for (int i = 0; i < 100; ++i) halved(1);
      volatile float one = 1;
      if (halved(kLeastNormal) != 0) ++kept;
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
