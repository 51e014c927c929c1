// Memory that will be needed soon. Processors fetch ahead by themselves, but not far enough where the elements take some work: sums over
// tensors that lie in no cache take 0.6 of the time where they are asked for. A store, too, waits until its cache line has been fetched.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gradus::cpu {

// How far ahead, in bytes: what memory delivers in the time that it takes to answer, and more. (Measured: half of it is too near, twice
// as far no better.)
inline constexpr std::int64_t kPrefetchBytes = 4096;
inline constexpr std::int64_t kCacheLine = 64;

// Asks for the lines that begin in `bytes` bytes of memory, kPrefetchBytes behind `memory`. Where an array ends before, that is of no use,
// but no fault. Callers must be inlined as well: g++ 12 takes a function that only prefetches for one without effects, and leaves out
// its calls.
[[gnu::always_inline]] inline void prefetch_lines(const void* memory, std::int64_t bytes) {
  const auto into_line = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(memory) % kCacheLine);
  const char* const begin = static_cast<const char*>(memory) + kPrefetchBytes;
  for (std::int64_t i = (kCacheLine - into_line) % kCacheLine; i < bytes; i += kCacheLine)
    __builtin_prefetch(begin + i);
}

// What lies kPrefetchBytes behind elements [first, first + count) of each array; nullptr stands for none.
template <class... T>
[[gnu::always_inline]] inline void prefetch_ahead([[maybe_unused]] std::int64_t first,
                                                  [[maybe_unused]] std::int64_t count, const T*... arrays) {
  ((arrays == nullptr ? void() : prefetch_lines(arrays + first, count * static_cast<std::int64_t>(sizeof(T)))), ...);
}

struct MemoryRange {
  const void *begin, *end;
};

// Two ranges of memory, asked for some lines at a time between pieces of work that need little memory: all at once, that would stall the
// work itself. (Winograd's convolutions take 0.8 to 0.94 of the time so.)
class SpreadPrefetch {
 public:
  // next() will be called `steps` times.
  SpreadPrefetch(std::int64_t steps, const MemoryRange& first, const MemoryRange& second)
      : parts_{Part(steps, first), Part(steps, second)} {}

  [[gnu::noinline]] void next() {  // its callers are many
    for (Part& part : parts_) {
      const char* const last = part.begin + std::min(part.step, part.end - part.begin);
      for (; part.begin < last; part.begin += kCacheLine) __builtin_prefetch(part.begin);
    }
  }

 private:
  struct Part {
    Part(std::int64_t steps, const MemoryRange& range)
        : begin(static_cast<const char*>(range.begin)), end(static_cast<const char*>(range.end)) {
      const std::int64_t lines = (end - begin + kCacheLine - 1) / kCacheLine;
      step = (lines + steps - 1) / steps * kCacheLine;
    }
    const char *begin, *end;
    std::int64_t step;
  };
  Part parts_[2];
};

}  // namespace gradus::cpu
