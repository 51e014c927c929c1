// The most float32 arithmetic that this machine was seen to do: fused multiply-adds on the widest vectors of its processors, all in registers.
//
// Each thread keeps 12 independent sums, one vector each, which is enough to hide 4 to 6 cycles of latency on two FMA units, and adds a
// product to each in turn. All threads start together; their operations (2 per lane and FMA) over the time until the last one ends, best
// of several trials, are the peak: the clock that the processor keeps under such a load is in it, interruptions are not.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace gradus_bench {

struct FmaLoop {
  float (*run)(std::int64_t times) = nullptr;  // 12 FMAs of `lanes` floats so many times
  int lanes = 0;
  const char* vectors = "none";
};

// A macro, since a template cannot have an instruction set of its own. The sums go to 1: neither overflow nor denormals.
#define GRADUS_BENCH_FMA_LOOP(name, target, Vector, set, fma)                                                          \
  target inline float name(std::int64_t times) {                                                                       \
    const Vector x = set(0.999F), y = set(1e-3F);                                                                      \
    Vector a = set(0), b = set(1), c = set(2), d = set(3), e = set(4), f = set(5), g = set(6), h = set(7), i = set(8), \
           j = set(9), k = set(10), l = set(11);                                                                       \
    for (std::int64_t t = 0; t < times; ++t) {                                                                         \
      a = fma(a, x, y), b = fma(b, x, y), c = fma(c, x, y), d = fma(d, x, y), e = fma(e, x, y), f = fma(f, x, y);      \
      g = fma(g, x, y), h = fma(h, x, y), i = fma(i, x, y), j = fma(j, x, y), k = fma(k, x, y), l = fma(l, x, y);      \
    }                                                                                                                  \
    const Vector all = a + b + c + d + e + f + g + h + i + j + k + l;                                                  \
    return all[0];                                                                                                     \
  }
#if defined(__x86_64__)
#define GRADUS_BENCH_MULTIPLY_ADD(a, x, y) _mm_add_ps(_mm_mul_ps(a, x), y)
GRADUS_BENCH_FMA_LOOP(fma_loop_avx512, [[gnu::target("avx512f")]], __m512, _mm512_set1_ps, _mm512_fmadd_ps)
GRADUS_BENCH_FMA_LOOP(fma_loop_avx2, [[gnu::target("avx2,fma")]], __m256, _mm256_set1_ps, _mm256_fmadd_ps)
GRADUS_BENCH_FMA_LOOP(fma_loop_sse2, , __m128, _mm_set1_ps, GRADUS_BENCH_MULTIPLY_ADD)
#undef GRADUS_BENCH_MULTIPLY_ADD

inline FmaLoop widest_fma_loop() {
  if (__builtin_cpu_supports("avx512f")) return {fma_loop_avx512, 16, "AVX-512"};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {fma_loop_avx2, 8, "AVX2"};
  return {fma_loop_sse2, 4, "SSE2"};
}
#elif defined(__aarch64__)
#define GRADUS_BENCH_MULTIPLY_ADD(a, x, y) vfmaq_f32(y, a, x)
GRADUS_BENCH_FMA_LOOP(fma_loop_neon, , float32x4_t, vdupq_n_f32, GRADUS_BENCH_MULTIPLY_ADD)
#undef GRADUS_BENCH_MULTIPLY_ADD

inline FmaLoop widest_fma_loop() { return {fma_loop_neon, 4, "NEON"}; }
#else
inline FmaLoop widest_fma_loop() { return {}; }
#endif
#undef GRADUS_BENCH_FMA_LOOP

struct FmaPeak {
  double gflops = 0;  // of all threads together; 0 where there is no loop for the processor
  const char* vectors = "none";
};

// With `threads` threads, 0 for one per processor. Takes about 0.3 s.
inline FmaPeak measure_fma_peak(int threads) {
  using Clock = std::chrono::steady_clock;
  const FmaLoop loop = widest_fma_loop();
  if (loop.run == nullptr) return {};
  constexpr std::int64_t kTimes = 500000;  // about 10 ms
  if (threads == 0) threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  double best = 0;
  for (int trial = 0; trial < 25; ++trial) {
    std::atomic<int> ready{0};
    std::atomic<float> kept{0};  // so that no loop is left out
    std::vector<std::thread> others;
    const auto work = [&] {
      for (++ready; ready < threads;) std::this_thread::yield();
      kept = loop.run(kTimes);
    };
    for (int t = 1; t < threads; ++t) others.emplace_back(work);
    while (ready < threads - 1) std::this_thread::yield();
    const Clock::time_point begin = Clock::now();
    work();
    for (std::thread& thread : others) thread.join();
    const std::chrono::duration<double> passed = Clock::now() - begin;
    best = std::max(best, 2.0 * 12.0 * loop.lanes * static_cast<double>(kTimes) * threads / passed.count());
  }
  return {best * 1e-9, loop.vectors};
}

}  // namespace gradus_bench
