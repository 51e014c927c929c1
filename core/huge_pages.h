// Large host memory on large pages, where the system gives them to those that ask (Linux' "madvise"): a step that walks through hundreds
// of megabytes then waits less for page tables, and the processor fetches ahead beyond 4 KiB.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace gradus {

// Before the memory is first written. Pages that it fills only in part stay as they are; so does all of it where that is not possible.
inline void ask_for_huge_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#if defined(MADV_HUGEPAGE)
  constexpr std::size_t kHuge = std::size_t{2} << 20;
  const std::size_t before = (kHuge - reinterpret_cast<std::uintptr_t>(memory) % kHuge) % kHuge;
  if (bytes >= before + kHuge)
    madvise(static_cast<char*>(memory) + before, (bytes - before) / kHuge * kHuge, MADV_HUGEPAGE);
#endif
}

}  // namespace gradus
