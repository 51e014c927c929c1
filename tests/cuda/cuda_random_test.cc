// Random numbers and dropout are drawn on the device, with the CPU's bits: for every dtype, seed and run, and for counts on both sides of
// the four elements that dropout takes from a block of the stream and of the threads of a block.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include "tests/cuda_emulator/emulator.h"

namespace gradus {
namespace {

// ThreadSanitizer, for which each CUDA thread is a thread, looks for races: few elements are enough for that.
#ifdef GRADUS_EMULATOR_TSAN
constexpr std::int64_t kCounts[] = {0, 5};
#else
constexpr std::int64_t kCounts[] = {0, 1, 3, 4, 5, 255, 1023, 4098};
#endif

struct CudaRandom : testing::TestWithParam<DType> {
  void SetUp() override { cuda_emulator::reset(); }
};

// One output after the other, in three runs, in sessions of two seeds.
void expect_the_cpus_bits(const Graph& graph, const std::vector<Output>& outputs, const std::string& what) {
  for (const std::uint64_t seed : {3U, 1000U}) {
    Session cuda(graph, {.device = "cuda:0", .seed = seed, .poison_outputs = true});
    Session cpu(graph, {.device = "cpu:0", .seed = seed});
    for (int run = 1; run <= 3; ++run) {
      const std::vector<Tensor> got = cuda.run(outputs), expected = cpu.run(outputs);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        EXPECT_TRUE(bit_equal(got[i], expected[i]))
            << what << ", output " << i << ", seed " << seed << ", run " << run << " " << cuda_emulator::failure();
      }
    }
  }
}

TEST_P(CudaRandom, TensorsHaveTheCpusBits) {
  for (const std::int64_t n : kCounts) {
    Graph graph;
    std::vector<Output> outputs;
    for (const std::int64_t seed : {0, 7}) {
      const RandomNormalAttrs normal{.dtype = GetParam(), .mean = 0.3, .stddev = 1.7, .seed = seed};
      outputs.push_back(random_uniform(graph, {n}, {.dtype = GetParam(), .seed = seed}));
      outputs.push_back(random_uniform(graph, {n}, {.dtype = GetParam(), .low = -0.7, .high = 1.3, .seed = seed}));
      outputs.push_back(random_normal(graph, {n}, normal));
      outputs.push_back(truncated_normal(graph, {n}, normal));
    }
    expect_the_cpus_bits(graph, outputs, std::to_string(n) + " elements");
    Session session(graph, {.device = "cuda:0"});
    const std::string plan = session.explain({}, outputs);
    EXPECT_EQ(plan.find("cpu:0"), std::string::npos) << plan;
  }
}

TEST_P(CudaRandom, DropoutHasTheCpusBits) {
  for (const std::int64_t n : kCounts) {
    Graph graph;
    Tensor values = random_normal_tensor(GetParam(), {n}, 2);
    if (n > 0) values.set(n / 2, std::nan(""));
    const Output x = constant(graph, values);
    std::vector<Output> outputs;
    for (const DropoutAttrs& attrs : {DropoutAttrs{.rate = 0.3}, {.rate = 0.9, .seed = 7}, {.rate = 0}}) {
      const Output y = dropout(x, attrs);
      outputs.insert(outputs.end(), {y, y.node().output(1)});
    }
    expect_the_cpus_bits(graph, outputs, std::to_string(n) + " elements");
  }
}

INSTANTIATE_TEST_SUITE_P(DTypes, CudaRandom,
                         testing::Values(DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64),
                         [](const auto& tested) { return std::string(dtype_name(tested.param)); });

}  // namespace
}  // namespace gradus
