// Philox4x32-10 against the known answers published with the paper's own library (Random123, kat_vectors), and the
// distributions made from it.
#include "gradus/core/philox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace gradus {
namespace {

using Words = std::array<std::uint32_t, 4>;

TEST(Philox, KnownAnswers) {
  EXPECT_EQ(PhiloxStream(0, 0).block(0), (Words{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
  EXPECT_EQ(PhiloxStream(~0ull, ~0ull).block(~0ull), (Words{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
  // Digits of pi: counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0.
  EXPECT_EQ(PhiloxStream(0x299f31d0a4093822ull, 0x0370734413198a2eull).block(0x85a308d3243f6a88ull),
            (Words{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

TEST(Philox, SeedsStreamsAndIndicesGiveDifferentBlocks) {
  std::set<Words> seen;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    for (std::uint64_t stream = 0; stream < 8; ++stream) {
      for (std::uint64_t i = 0; i < 8; ++i) seen.insert(PhiloxStream(seed, stream).block(i));
    }
  }
  EXPECT_EQ(seen.size(), 512u);
}

// Mean and variance of n samples lie within 5 standard errors of the distribution's.
TEST(Philox, UniformHasTheMomentsOfTheUniformDistribution) {
  constexpr int n = 200000;
  const PhiloxStream stream(1, 2);
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double u = stream.uniform(static_cast<std::uint64_t>(i));
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u - 0.5;
    squares += (u - 0.5) * (u - 0.5);
  }
  EXPECT_NEAR(sum / n, 0.0, 5 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(squares / n, 1.0 / 12, 5 * std::sqrt(1.0 / 180 / n));  // E[(u-1/2)^4] - (1/12)^2 = 1/80 - 1/144 = 1/180
}

TEST(Philox, NormalHasTheMomentsAndTailsOfTheNormalDistribution) {
  constexpr int n = 200000;
  const PhiloxStream stream(3, 4);
  double sum = 0, squares = 0, within_one = 0;
  for (int i = 0; i < n; ++i) {
    const double z = stream.normal(static_cast<std::uint64_t>(i));
    ASSERT_TRUE(std::isfinite(z));
    sum += z;
    squares += z * z;
    within_one += std::fabs(z) < 1.0 ? 1 : 0;
  }
  EXPECT_NEAR(sum / n, 0.0, 5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1.0, 5 * std::sqrt(2.0 / n));
  const double p = std::erf(1.0 / std::sqrt(2.0));  // 0.6827
  EXPECT_NEAR(within_one / n, p, 5 * std::sqrt(p * (1 - p) / n));
}

TEST(Philox, Mix64IsABijectionOnSamplesAndSpreadsBits) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 10000; ++i) seen.insert(mix64(i));
  EXPECT_EQ(seen.size(), 10000u);
  // The first outputs of SplitMix64 with seed 0 and 0x9E3779B97F4A7C15 (its second state), as published by its author.
  EXPECT_EQ(mix64(0), 0xE220A8397B1DCDAFull);
  EXPECT_EQ(mix64(0x9E3779B97F4A7C15ull), 0x6E789E6AA1B965F4ull);
}

}  // namespace
}  // namespace gradus
