// The emulator finds each mistake that is planted here, and says where; what is right runs, in every order.
#include "tests/cuda_emulator/emulator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "gradus/backends/cuda/kernel.h"
#include "tests/cuda_emulator/sanitizers.h"

namespace gradus {
namespace {

using cuda_emulator::ThreadOrder;

#define CHECK_CUDA(call) ASSERT_EQ(call, cudaSuccess) << cuda_emulator::failure()

class CudaEmulator : public testing::Test {
 protected:
  void SetUp() override { start({}); }
  void start(const cuda_emulator::Options& options) {
    cuda_emulator::reset(options);
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  }
  template <class T>
  T* device(std::size_t count) {
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, count * sizeof(T)), cudaSuccess);
    return static_cast<T*>(memory);
  }
  template <class T>
  std::vector<T> host(const T* from, std::size_t count) {
    std::vector<T> values(count);
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess) << cuda_emulator::failure();
    EXPECT_EQ(cudaMemcpy(values.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost), cudaSuccess);
    return values;
  }
  // What goes wrong when the stream is waited for.
  void expect_failure(const std::string& text) {
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
    EXPECT_NE(cuda_emulator::failure().find(text), std::string::npos) << cuda_emulator::failure();
  }
  cudaStream_t stream = nullptr;
};

template <class T>
__global__ void scale(T* y, const T* x, T factor, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) y[i] = factor * x[i];
}
__global__ void count_up(float* x, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) x[i] = static_cast<float>(i);
}

// Sums of 64 elements, by shared memory and then within a warp.
template <class T>
__global__ void sums(T* y, const T* x) {
  GRADUS_SHARED(T, part, [64]);
  const unsigned t = threadIdx.x;
  part[t] = x[blockIdx.x * 64 + t];
  __syncthreads();
  if (t >= 32) return;
  T sum = part[t] + part[t + 32];
  for (unsigned distance = 16; distance > 0; distance /= 2) sum += __shfl_down_sync(0xFFFFFFFFU, sum, distance);
  if (t == 0) y[blockIdx.x] = sum;
}

TEST_F(CudaEmulator, KernelsComputeInEveryOrder) {
  for (const ThreadOrder order : {ThreadOrder::kAscending, ThreadOrder::kDescending, ThreadOrder::kRandom}) {
    start({.seed = 7, .order = order});
    float *x = device<float>(640), *y = device<float>(640), *s = device<float>(10);
    CHECK_CUDA((launch<count_up>({.grid = 3, .block = 64, .stream = stream}, x, 640)));
    CHECK_CUDA((launch<scale<float>>({.grid = blocks_for(640, 128), .block = 128, .stream = stream}, y, x, 2.0F, 640)));
    CHECK_CUDA((launch<sums<float>>({.grid = 10, .block = 64, .stream = stream}, s, y)));
    const std::vector<float> result = host(s, 10);
    for (std::size_t b = 0; b < 10; ++b) EXPECT_EQ(result[b], static_cast<float>(2 * (64 * 64 * b + 63 * 32)));
    EXPECT_EQ(cuda_emulator::counts().kernels, 3U);
  }
}

TEST_F(CudaEmulator, NothingIsDoneBeforeSomebodyWaits) {
  float* x = device<float>(4);
  CHECK_CUDA((launch<count_up>({.grid = 1, .block = 32, .stream = stream}, x, 4)));
  EXPECT_EQ(cuda_emulator::counts().kernels, 0U);
  std::vector<float> early(4);
  CHECK_CUDA(cudaMemcpy(early.data(), x, 16, cudaMemcpyDeviceToHost));
  EXPECT_TRUE(std::isnan(early[1]));  // fresh memory
  EXPECT_EQ(host(x, 4), (std::vector<float>{0, 1, 2, 3}));
}

TEST_F(CudaEmulator, AnEmptyGridIsNoLaunch) {
  CHECK_CUDA((launch<count_up>({.grid = blocks_for(0, 32), .block = 32, .stream = stream}, nullptr, 0)));
  CHECK_CUDA(cudaStreamSynchronize(stream));
}

__global__ void write_at(float* x, std::int64_t i) { x[i] = 1.0F; }

#ifndef GRADUS_EMULATOR_ASAN  // which ends the process before
TEST_F(CudaEmulator, WritesAroundAnAllocationAreFoundWhenItIsFreed) {
  float* x = device<float>(10);
  CHECK_CUDA((launch<write_at>({.grid = 1, .block = 1, .stream = stream}, x, 10)));
  EXPECT_EQ(cudaFree(x), cudaErrorLaunchFailure);
  EXPECT_EQ(cuda_emulator::failure(), "a kernel wrote 0 bytes behind the end of an allocation of 40 bytes");
  start({});
  float* const y = device<float>(10);
  CHECK_CUDA((launch<write_at>({.grid = 1, .block = 1, .stream = stream}, y, -1)));
  EXPECT_EQ(cudaFree(y), cudaErrorLaunchFailure);
  EXPECT_EQ(cuda_emulator::failure(), "a kernel wrote 4 bytes before the start of an allocation of 40 bytes");
}
#endif

__global__ void divergent_barrier() {
  if (threadIdx.x < 5) __syncthreads();
}
__global__ void two_barriers() {
  if (threadIdx.x < 5) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}
TEST_F(CudaEmulator, BarriersThatNotAllReach) {
  CHECK_CUDA((launch<divergent_barrier>({.grid = 1, .block = {8, 1, 1}, .stream = stream})));
  expect_failure("__syncthreads() that not all threads of the block reach: thread (5,0,0) has returned");
  EXPECT_NE(cuda_emulator::failure().find("divergent_barrier at emulator_test.cc:"), std::string::npos)
      << cuda_emulator::failure();
  EXPECT_NE(cuda_emulator::failure().find(", block (0,0,0), thread ("), std::string::npos) << cuda_emulator::failure();
  start({});
  CHECK_CUDA((launch<two_barriers>({.grid = 1, .block = 8, .stream = stream})));
  expect_failure("__syncthreads() that not all threads of the block reach: others wait at emulator_test.cc:");
}

__global__ void incomplete_mask() {
  if (threadIdx.x < 16) __shfl_down_sync(0xFFFFFFFFU, 1.0F, 1);
}
__global__ void foreign_mask() { __shfl_xor_sync(0x0000FFFFU, 1.0F, 1); }
__global__ void mask_beyond_block() { __syncwarp(); }
__global__ void source_outside_mask() {
  if (threadIdx.x < 16) __shfl_sync(0x0000FFFFU, 1.0F, 20);
}
TEST_F(CudaEmulator, WarpOperationsWithWrongMasks) {
  CHECK_CUDA((launch<incomplete_mask>({.grid = 1, .block = 32, .stream = stream})));
  expect_failure("__shfl_down_sync() for a thread of the mask that does not come: thread (16,0,0) has returned");
  start({});
  CHECK_CUDA((launch<foreign_mask>({.grid = 1, .block = 32, .stream = stream})));
  expect_failure("__shfl_xor_sync() with a mask that does not name the calling thread");
  start({});
  CHECK_CUDA((launch<mask_beyond_block>({.grid = 1, .block = 20, .stream = stream})));
  expect_failure("__syncwarp() with a mask that names lanes beyond the block");
  start({});
  CHECK_CUDA((launch<source_outside_mask>({.grid = 1, .block = 32, .stream = stream})));
  expect_failure("from lane 20, which the mask does not name");
}

template <int kilobytes>
__global__ void large_shared(float* y) {
  GRADUS_SHARED(char, memory, [kilobytes * 1024]);
  memory[threadIdx.x] = 1;
  y[0] = static_cast<float>(memory[threadIdx.x]);
}
__global__ void dynamic_sum(float* y, unsigned n) {
  float* const memory = dynamic_shared<float>();
  memory[threadIdx.x] = 1;
  __syncthreads();
  if (threadIdx.x != 0) return;
  y[0] = 0;
  for (unsigned i = 0; i < n; ++i) y[0] += memory[i];
}
TEST_F(CudaEmulator, SharedMemoryHasItsLimit) {
  float* y = device<float>(1);
  CHECK_CUDA((launch<large_shared<48>>({.grid = 1, .block = 1, .stream = stream}, y)));
  EXPECT_EQ(host(y, 1)[0], 1.0F);
  CHECK_CUDA((launch<dynamic_sum>({.grid = 1, .block = 64, .shared_bytes = 256, .stream = stream}, y, 64U)));
  EXPECT_EQ(host(y, 1)[0], 64.0F);
  EXPECT_EQ((launch<dynamic_sum>({.grid = 1, .block = 64, .shared_bytes = 50000, .stream = stream}, y, 64U)),
            cudaErrorInvalidValue);
  CHECK_CUDA(cudaFuncSetAttribute(reinterpret_cast<const void*>(&dynamic_sum),
                                  cudaFuncAttributeMaxDynamicSharedMemorySize, 50000));
  CHECK_CUDA((launch<dynamic_sum>({.grid = 1, .block = 64, .shared_bytes = 50000, .stream = stream}, y, 64U)));
  EXPECT_EQ(host(y, 1)[0], 64.0F);
  CHECK_CUDA((launch<large_shared<49>>({.grid = 1, .block = 1, .stream = stream}, y)));
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
}

__global__ void read_unwritten_shared(float* y) {
  GRADUS_SHARED(float, memory, [4]);
  y[threadIdx.x] = memory[threadIdx.x];
}
TEST_F(CudaEmulator, UnwrittenSharedMemoryIsNaN) {
  float* y = device<float>(4);
  CHECK_CUDA((launch<read_unwritten_shared>({.grid = 1, .block = 4, .stream = stream}, y)));
  EXPECT_TRUE(std::isnan(host(y, 4)[3]));
}

TEST_F(CudaEmulator, WrongLaunchesAreRefused) {
  float* y = device<float>(4);
  EXPECT_EQ((launch<write_at>({.grid = 1, .block = 1025, .stream = stream}, y, 0)), cudaErrorInvalidConfiguration);
  EXPECT_EQ((launch<write_at>({.grid = {1, 65536, 1}, .block = 1, .stream = stream}, y, 0)),
            cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

#ifndef GRADUS_EMULATOR_TSAN
TEST_F(CudaEmulator, TheHostMayNotTouchDeviceMemory) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  float* x = device<float>(10);
  volatile float* const spied = x;
  EXPECT_DEATH(spied[3] = 1.0F, "the host touches memory of device 0, at byte");
}
#endif

TEST_F(CudaEmulator, CopiesAreChecked) {
  float* x = device<float>(10);
  float pageable[10] = {};
  EXPECT_EQ(cudaMemcpyAsync(x, pageable, 40, cudaMemcpyHostToDevice, stream), cudaErrorInvalidValue);
  EXPECT_NE(cuda_emulator::failure().find("not pinned"), std::string::npos) << cuda_emulator::failure();
  EXPECT_EQ(cudaMemcpy(x, pageable, 44, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(pageable, x, 40, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  void* pinned = nullptr;
  CHECK_CUDA(cudaMallocHost(&pinned, 40));
  static_cast<float*>(pinned)[9] = 5;
  CHECK_CUDA(cudaMemcpyAsync(x, pinned, 40, cudaMemcpyHostToDevice, stream));
  EXPECT_EQ(host(x, 10)[9], 5.0F);
  CHECK_CUDA(cudaFreeHost(pinned));
  CHECK_CUDA(cudaFree(x));
  EXPECT_EQ(cudaFree(x), cudaErrorInvalidValue);
}

__global__ void add_to(float* y, const float* x) { y[0] += x[0]; }
__global__ void twice(float* y) { y[0] *= 2; }

// y = (1 + 1) * 2 where the second stream waits for the first one.
TEST_F(CudaEmulator, StreamsKeepOnlyTheOrderThatEventsGive) {
  int right_with_event = 0, right_without = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (const bool waits : {true, false}) {
      start({.seed = seed});
      cudaStream_t other = nullptr;
      cudaEvent_t event = nullptr;
      CHECK_CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
      CHECK_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
      float *x = device<float>(1), *y = device<float>(1);
      const float one = 1;
      CHECK_CUDA(cudaMemcpy(x, &one, 4, cudaMemcpyHostToDevice));
      CHECK_CUDA(cudaMemcpy(y, &one, 4, cudaMemcpyHostToDevice));
      CHECK_CUDA((launch<add_to>({.stream = stream}, y, x)));
      CHECK_CUDA(cudaEventRecord(event, stream));
      if (waits) {
        CHECK_CUDA(cudaStreamWaitEvent(other, event, 0));
      }
      CHECK_CUDA((launch<twice>({.stream = other}, y)));
      CHECK_CUDA(cudaStreamSynchronize(other));
      (waits ? right_with_event : right_without) += host(y, 1)[0] == 4.0F ? 1 : 0;
    }
  }
  EXPECT_EQ(right_with_event, 20);
  EXPECT_LT(right_without, 18);
  EXPECT_GT(right_without, 2);
}

TEST_F(CudaEmulator, CapturedGraphsReplayInEveryOrderThatEventsAllow) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    start({.seed = seed});
    cudaStream_t other = nullptr;
    cudaEvent_t fork = nullptr, join = nullptr;
    CHECK_CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    CHECK_CUDA(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
    CHECK_CUDA(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
    float *a = device<float>(2), *b = device<float>(2);
    CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    CHECK_CUDA((launch<count_up>({.block = 2, .stream = stream}, a, 2)));
    CHECK_CUDA(cudaEventRecord(fork, stream));
    CHECK_CUDA(cudaStreamWaitEvent(other, fork, 0));
    CHECK_CUDA((launch<scale<float>>({.block = 2, .stream = other}, b, a, 3.0F, 2)));
    CHECK_CUDA(cudaEventRecord(join, other));
    CHECK_CUDA(cudaStreamWaitEvent(stream, join, 0));
    CHECK_CUDA((launch<add_to>({.stream = stream}, b, a + 1)));
    cudaGraph_t graph = nullptr;
    CHECK_CUDA(cudaStreamEndCapture(stream, &graph));
    EXPECT_EQ(cuda_emulator::counts().kernels, 0U);
    cudaGraphExec_t executable = nullptr;
    CHECK_CUDA(cudaGraphInstantiate(&executable, graph, 0));
    CHECK_CUDA(cudaGraphDestroy(graph));
    for (int i = 0; i < 2; ++i) CHECK_CUDA(cudaGraphLaunch(executable, stream));
    EXPECT_EQ(host(b, 2), (std::vector<float>{1, 3}));
    EXPECT_EQ(cuda_emulator::counts().kernels, 6U);
    CHECK_CUDA(cudaGraphExecDestroy(executable));
    EXPECT_EQ(cuda_emulator::counts().live_graphs, 0U);
  }
}

// y = (y + 1) * 2 or y * 2 + 1 where nothing says which comes first.
TEST_F(CudaEmulator, NodesOfAGraphKeepOnlyTheOrderThatEventsGive) {
  int added_first = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    start({.seed = seed});
    cudaStream_t other = nullptr;
    cudaEvent_t fork = nullptr, join = nullptr;
    CHECK_CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    CHECK_CUDA(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
    CHECK_CUDA(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
    float *x = device<float>(1), *y = device<float>(1);
    const float one = 1;
    CHECK_CUDA(cudaMemcpy(x, &one, 4, cudaMemcpyHostToDevice));
    CHECK_CUDA(cudaMemcpy(y, &one, 4, cudaMemcpyHostToDevice));
    CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    CHECK_CUDA(cudaEventRecord(fork, stream));
    CHECK_CUDA(cudaStreamWaitEvent(other, fork, 0));
    CHECK_CUDA((launch<add_to>({.stream = stream}, y, x)));
    CHECK_CUDA((launch<twice>({.stream = other}, y)));
    CHECK_CUDA(cudaEventRecord(join, other));
    CHECK_CUDA(cudaStreamWaitEvent(stream, join, 0));
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    CHECK_CUDA(cudaStreamEndCapture(stream, &graph));
    CHECK_CUDA(cudaGraphInstantiate(&executable, graph, 0));
    CHECK_CUDA(cudaGraphLaunch(executable, stream));
    const float result = host(y, 1)[0];
    EXPECT_TRUE(result == 4.0F || result == 3.0F) << result;
    added_first += result == 4.0F ? 1 : 0;
    // An event of a capture is of no use after it.
    EXPECT_EQ(cudaEventSynchronize(join), cudaErrorCapturedEvent);
    EXPECT_EQ(cudaStreamWaitEvent(other, join, 0), cudaErrorCapturedEvent);
  }
  EXPECT_GT(added_first, 2);
  EXPECT_LT(added_first, 18);
}

// An event that is recorded in two streams: whoever waits for the second record waits for that one, whichever comes first.
TEST_F(CudaEmulator, EventsCountTheirRecords) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    start({.seed = seed});
    cudaStream_t other = nullptr, third = nullptr;
    cudaEvent_t event = nullptr;
    CHECK_CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    CHECK_CUDA(cudaStreamCreateWithFlags(&third, cudaStreamNonBlocking));
    CHECK_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    float *x = device<float>(2), *y = device<float>(2);
    CHECK_CUDA(cudaEventRecord(event, stream));
    CHECK_CUDA((launch<count_up>({.block = 2, .stream = other}, x, 2)));
    CHECK_CUDA(cudaEventRecord(event, other));
    CHECK_CUDA(cudaStreamWaitEvent(third, event, 0));
    CHECK_CUDA((launch<scale<float>>({.block = 2, .stream = third}, y, x, 3.0F, 2)));
    CHECK_CUDA(cudaStreamSynchronize(third));
    EXPECT_EQ(host(y, 2)[1], 3.0F);
  }
}

// As of block_sum() for two types in one kernel.
template <class T>
__device__ T shared_copy(T value) {
  GRADUS_SHARED(T, memory, [4]);
  memory[threadIdx.x] = value;
  return memory[threadIdx.x];
}
__global__ void two_types(double* y) {
  const float small = shared_copy(static_cast<float>(threadIdx.x));
  y[threadIdx.x] = shared_copy(small + 0.5);
}
TEST_F(CudaEmulator, SharedVariablesOfTemplatesAreOfTheirInstance) {
  auto* const y = device<double>(4);
  CHECK_CUDA((launch<two_types>({.block = 4, .stream = stream}, y)));
  EXPECT_EQ(host(y, 4), (std::vector<double>{0.5, 1.5, 2.5, 3.5}));
}

// By the mode in which it began, a capture forbids such calls to every thread or to its own.
TEST_F(CudaEmulator, OtherThreadsAllocateDuringACapture) {
  for (const bool global : {false, true}) {
    cudaGraph_t graph = nullptr;
    CHECK_CUDA(cudaStreamBeginCapture(stream, global ? cudaStreamCaptureModeGlobal : cudaStreamCaptureModeThreadLocal));
    cudaError_t allocated = cudaSuccess;
    std::thread([&] {
      void* memory = nullptr;
      allocated = cudaMalloc(&memory, 100);
      if (allocated == cudaSuccess) static_cast<void>(cudaFree(memory));
    }).join();
    EXPECT_EQ(allocated, global ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
    EXPECT_EQ(cudaStreamEndCapture(stream, &graph), global ? cudaErrorStreamCaptureInvalidated : cudaSuccess);
    if (graph != nullptr) {
      CHECK_CUDA(cudaGraphDestroy(graph));
    }
  }
}

TEST_F(CudaEmulator, MistakesInCapturesAreFound) {
  cudaGraph_t graph = nullptr;
  float* x = device<float>(2);
  void* memory = nullptr;
  CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(graph, nullptr);
  CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  cudaStream_t other = nullptr;
  cudaEvent_t fork = nullptr;
  CHECK_CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
  CHECK_CUDA(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
  CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  CHECK_CUDA(cudaEventRecord(fork, stream));
  CHECK_CUDA(cudaStreamWaitEvent(other, fork, 0));
  CHECK_CUDA((launch<count_up>({.block = 2, .stream = other}, x, 2)));
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureUnjoined);
}

TEST_F(CudaEmulator, TwoDevicesHaveMemoryOfTheirOwn) {
  start({.devices = 2});
  float* x = device<float>(2);
  CHECK_CUDA((launch<count_up>({.block = 2, .stream = stream}, x, 2)));
  CHECK_CUDA(cudaStreamSynchronize(stream));
  CHECK_CUDA(cudaSetDevice(1));
  float* y = device<float>(2);
  EXPECT_EQ((launch<count_up>({.block = 2, .stream = stream}, y, 2)),
            cudaErrorInvalidResourceHandle);  // device 0's stream
  cudaStream_t second = nullptr;
  CHECK_CUDA(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
  CHECK_CUDA(cudaMemcpyPeerAsync(y, 1, x, 0, 8, second));
  CHECK_CUDA(cudaStreamSynchronize(second));
  EXPECT_EQ(host(y, 2), (std::vector<float>{0, 1}));
  EXPECT_EQ(cudaSetDevice(2), cudaErrorInvalidDevice);
}

TEST_F(CudaEmulator, AMachineWithoutDevices) {
  cuda_emulator::reset({.devices = 0});
  int count = -1;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorNoDevice);
}

TEST_F(CudaEmulator, WhatIsNotGivenBackIsCounted) {
  float* x = device<float>(10);
  EXPECT_EQ(cuda_emulator::counts().live_bytes, 40U);
  EXPECT_EQ(cuda_emulator::counts().live_streams, 1U);
  CHECK_CUDA(cudaFree(x));
  CHECK_CUDA(cudaStreamDestroy(stream));
  EXPECT_EQ(cuda_emulator::counts().live_bytes, 0U);
  EXPECT_EQ(cuda_emulator::counts().live_streams, 0U);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
}

TEST_F(CudaEmulator, MemoryRunsOut) {
  start({.memory = 1 << 20});
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, (1 << 20) + 1), cudaErrorMemoryAllocation);
  EXPECT_EQ(memory, nullptr);
  std::vector<void*> all;
  while (cudaMalloc(&memory, 1000) == cudaSuccess) all.push_back(memory);
  EXPECT_EQ(all.size(), (1U << 20) / 1000);
  for (void* m : all) CHECK_CUDA(cudaFree(m));
  CHECK_CUDA(cudaMalloc(&memory, 1 << 20));
}

template <class T>
__global__ void count_with_atomics(T* count, const float* x, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    if (x[i] > 9.5F) atomicAdd(count, 1);
  }
}
TEST_F(CudaEmulator, AtomicsAddUp) {
  float* x = device<float>(100);
  auto* n = device<unsigned>(1);
  CHECK_CUDA((launch<count_up>({.grid = 2, .block = 32, .stream = stream}, x, 100)));
  CHECK_CUDA(cudaMemsetAsync(n, 0, 4, stream));
  CHECK_CUDA((launch<count_with_atomics<unsigned>>({.grid = 2, .block = 32, .stream = stream}, n, x, 100)));
  EXPECT_EQ(host(n, 1)[0], 90U);
}

}  // namespace
}  // namespace gradus
