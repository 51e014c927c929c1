// Which of the instruction sets that the CPU's kernels are compiled for runs (GRADUS_ISA).
#include "gradus/backends/cpu/levels.h"

#include <gtest/gtest.h>

namespace gradus::cpu {
namespace {

void nothing(KernelRegistry&) {}
const std::vector<Level> kLevels{{"avx512", false, nothing}, {"avx2", true, nothing}, {"sse2", true, nothing}};

std::string chosen(const char* wanted) {
  std::string why;
  const Level* level = choose_level(kLevels, wanted, &why);
  EXPECT_EQ(level == nullptr, !why.empty());
  return level == nullptr ? why : level->name;
}

TEST(CpuLevels, TheBestThatRunsHereOrTheOneThatIsAskedFor) {
  EXPECT_EQ(chosen(nullptr), "avx2");
  EXPECT_EQ(chosen(""), "avx2");
  EXPECT_EQ(chosen("sse2"), "sse2");
}

TEST(CpuLevels, WhatCannotRunIsNamed) {
  EXPECT_EQ(
      chosen("avx512"),
      "GRADUS_ISA is 'avx512', which this processor does not have; it runs avx2, sse2: name one of these, or unset it");
  EXPECT_EQ(chosen("AVX2"), "GRADUS_ISA is 'AVX2'; this build has avx512, avx2, sse2: name one of these, or unset it");
  std::string why;
  EXPECT_EQ(choose_level({{"native", false, nothing}}, nullptr, &why), nullptr);
  EXPECT_EQ(why, "this processor has none of the instruction sets that the kernels were compiled for (native)");
}

TEST(CpuLevels, ThisBuildHasOneThatRuns) {
  std::string why;
  EXPECT_NE(choose_level(levels(), nullptr, &why), nullptr) << why;
}

}  // namespace
}  // namespace gradus::cpu
