// What sanitizers find in kernels: AddressSanitizer overruns, ThreadSanitizer races. Each mistake runs in a process of its own.
#include <gtest/gtest.h>

#include <cstdlib>

#include "gradus/backends/cuda/kernel.h"
#include "tests/cuda_emulator/emulator.h"
#include "tests/cuda_emulator/sanitizers.h"

namespace gradus {
namespace {

// Launches and waits, then ends the process.
template <auto kernel, class... Arguments>
void run(const Launch& where, Arguments... arguments) {
  if (launch<kernel>(where, arguments...) != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess) std::abort();
  std::_Exit(0);
}

[[maybe_unused]] float* allocated(std::size_t count) {
  void* memory = nullptr;
  if (cudaMalloc(&memory, count * sizeof(float)) != cudaSuccess) std::abort();
  return static_cast<float*>(memory);
}

[[maybe_unused]] __global__ void write_at(float* x, std::int64_t i) { x[i] = 1.0F; }

#ifdef GRADUS_EMULATOR_ASAN
template <class T>
__global__ void write_shared(std::int64_t i) {
  GRADUS_SHARED(T, memory, [7]);
  memory[0] = 1;
  (&memory[0])[i] = 1;
}
__global__ void write_dynamic_shared(std::int64_t i) { dynamic_shared<float>()[i] = 1.0F; }

TEST(CudaEmulatorDeathTest, AddressSanitizerFindsOverruns) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run<write_at>({}, allocated(10), 10),
               "AddressSanitizer: use-after-poison(.|\n)*in .*write_at.*sanitizer_test.cc");
  EXPECT_DEATH(run<write_at>({}, allocated(10), -1), "AddressSanitizer: ");
  EXPECT_DEATH(run<write_shared<float>>({}, 7), "AddressSanitizer: (.|\n)*in .*write_shared");
  EXPECT_DEATH(run<write_dynamic_shared>({.shared_bytes = 12}, 3), "AddressSanitizer: ");
  EXPECT_DEATH(
      {
        float* const x = allocated(10);
        if (cudaFree(x) != cudaSuccess) std::abort();
        run<write_at>({}, x, 0);
      },
      "AddressSanitizer: use-after-poison");
  EXPECT_EXIT(run<write_at>({}, allocated(10), 9), testing::ExitedWithCode(0), "");
}
#endif

#ifdef GRADUS_EMULATOR_TSAN
template <bool barrier>
__global__ void neighbour_in_shared(float* y) {
  GRADUS_SHARED(float, memory, [64]);
  memory[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (barrier) __syncthreads();
  y[first_item()] = memory[63 - threadIdx.x];
}
// The second barrier keeps what is read from being overwritten.
template <bool second_barrier>
__global__ void twice_in_shared(float* y) {
  GRADUS_SHARED(float, memory, [64]);
  for (int round = 0; round < 2; ++round) {
    memory[threadIdx.x] = static_cast<float>(round);
    __syncthreads();
    y[threadIdx.x] = memory[63 - threadIdx.x];
    if (second_barrier) __syncthreads();
  }
}
template <bool synchronised>
__global__ void neighbour_in_warp(float* y) {
  y[threadIdx.x] = 1;
  if (synchronised) __syncwarp();
  if (threadIdx.x > 0) y[32 + threadIdx.x] = y[threadIdx.x - 1];
}
// Barriers of warps order nothing between warps.
__global__ void neighbour_warp(float* y) {
  y[threadIdx.x] = 1;
  __syncwarp();
  y[64 + threadIdx.x] = y[(threadIdx.x + 32) % 64];
}
template <bool atomic>
__global__ void count(float* y) {
  if (atomic) {
    atomicAdd(y, 1.0F);
  } else {
    y[0] += 1.0F;
  }
}
__global__ void scale_own(float* y) { y[first_item()] *= 2; }

void expect_race(void (*body)()) {
  EXPECT_EXIT(
      {
        body();
        std::exit(0);
      },
      testing::ExitedWithCode(66), "ThreadSanitizer: data race(.|\n)*sanitizer_test.cc");
}
void expect_no_race(void (*body)()) {
  EXPECT_EXIT(
      {
        body();
        std::exit(0);
      },
      testing::ExitedWithCode(0), "^$");
}
template <auto kernel>
void run_on(const Launch& where, std::size_t floats) {
  cuda_emulator::reset();
  if (launch<kernel>(where, allocated(floats)) != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess) std::abort();
}

TEST(CudaEmulatorDeathTest, ThreadSanitizerFindsRaces) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  expect_race([] { run_on<neighbour_in_shared<false>>({.block = 64}, 64); });
  expect_no_race([] { run_on<neighbour_in_shared<true>>({.grid = 3, .block = 64}, 64 * 3); });
  expect_race([] { run_on<twice_in_shared<false>>({.block = 64}, 64); });
  expect_no_race([] { run_on<twice_in_shared<true>>({.block = 64}, 64); });
  expect_race([] { run_on<neighbour_in_warp<false>>({.block = 32}, 64); });
  expect_no_race([] { run_on<neighbour_in_warp<true>>({.block = 32}, 64); });
  expect_race([] { run_on<neighbour_warp>({.block = 64}, 128); });
  expect_race([] { run_on<count<false>>({.grid = 2}, 1); });  // between blocks
  expect_no_race([] { run_on<count<true>>({.grid = 20, .block = 40}, 1); });
  expect_no_race([] {
    cuda_emulator::reset();
    float* const y = allocated(256);
    for (int i = 0; i < 3; ++i) {  // one kernel after the other
      if (launch<scale_own>({.grid = 4, .block = 64}, y) != cudaSuccess) std::abort();
    }
    if (cudaDeviceSynchronize() != cudaSuccess) std::abort();
  });
}
#endif

}  // namespace
}  // namespace gradus
