// How fast this machine's memory was seen to copy: bytes read plus bytes written per second, from buffers that no cache holds.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

namespace gradus_bench {

// With `threads` threads, 0 for one per processor, each of which copies 64 MiB; the best of several trials, in GB/s. Takes about 0.5 s.
inline double measure_copy_bandwidth(int threads) {
  using Clock = std::chrono::steady_clock;
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  if (threads == 0) threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const auto count = static_cast<std::size_t>(threads);
  std::vector<std::vector<char>> from(count, std::vector<char>(kBytes, 1)), to = from;
  double best = 0;
  for (int trial = 0; trial < 7; ++trial) {
    std::vector<std::thread> others;
    const auto copy = [&](std::size_t i) { std::memcpy(to[i].data(), from[i].data(), kBytes); };
    const Clock::time_point begin = Clock::now();
    for (std::size_t i = 1; i < count; ++i) others.emplace_back(copy, i);
    copy(0);
    for (std::thread& thread : others) thread.join();
    const std::chrono::duration<double> passed = Clock::now() - begin;
    best = std::max(best, 2.0 * static_cast<double>(kBytes * count) / passed.count());
  }
  return best * 1e-9;
}

}  // namespace gradus_bench
