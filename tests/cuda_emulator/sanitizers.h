// What the emulator tells AddressSanitizer and ThreadSanitizer; empty functions without them. The emulator itself is never compiled
// with -fsanitize=thread: its own bookkeeping between fibers is no part of the program that is checked. The build defines
// GRADUS_EMULATOR_TSAN instead, where the kernels are.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define GRADUS_EMULATOR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GRADUS_EMULATOR_ASAN 1
#endif
#endif

#ifdef GRADUS_EMULATOR_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#ifdef GRADUS_EMULATOR_TSAN
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#endif

namespace gradus::cuda_emulator {

// What one thread did before release(place) has happened before what another does after acquire(place).
inline void release([[maybe_unused]] void* place) {
#ifdef GRADUS_EMULATOR_TSAN
  __tsan_release(place);
#endif
}
inline void acquire([[maybe_unused]] void* place) {
#ifdef GRADUS_EMULATOR_TSAN
  __tsan_acquire(place);
#endif
}

// Memory that no access may touch, and that may be touched again.
inline void forbid([[maybe_unused]] void* begin, [[maybe_unused]] std::size_t bytes) {
#ifdef GRADUS_EMULATOR_ASAN
  __asan_poison_memory_region(begin, bytes);
#endif
}
inline void allow([[maybe_unused]] void* begin, [[maybe_unused]] std::size_t bytes) {
#ifdef GRADUS_EMULATOR_ASAN
  __asan_unpoison_memory_region(begin, bytes);
#endif
}

}  // namespace gradus::cuda_emulator
