// How this thread's floating-point unit computes, where that can be told: the rounding, and whether subnormal numbers count as 0.
#pragma once

#include <cstdint>

namespace gradus {

class FloatMode {
 public:
  static FloatMode of_this_thread() { return FloatMode(control()); }
  // The same, but operands that are subnormal count as 0, and so do results that would be. On many processors a product with one of them
  // takes a hundred times as long as any other. No other processor than x86-64 and aarch64 is told.
  FloatMode without_subnormals() const {
#if defined(__x86_64__)
    return FloatMode(bits_ | 0x8040);  // MXCSR: FTZ, DAZ
#elif defined(__aarch64__)
    return FloatMode(bits_ | std::uint64_t{1} << 24);  // FPCR: FZ
#else
    return *this;
#endif
  }
  void set_for_this_thread() const {
    if (control() == bits_) return;
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr((__builtin_ia32_stmxcsr() & kRaised) | static_cast<unsigned>(bits_));
#elif defined(__aarch64__)
    asm volatile("msr fpcr, %0" : : "r"(bits_));
#endif
  }

 private:
  explicit FloatMode(std::uint64_t bits) : bits_(bits) {}
  static std::uint64_t control() {
#if defined(__x86_64__)
    return __builtin_ia32_stmxcsr() & ~kRaised;
#elif defined(__aarch64__)
    std::uint64_t bits = 0;
    asm volatile("mrs %0, fpcr" : "=r"(bits));
    return bits;
#else
    return 0;
#endif
  }
  static constexpr unsigned kRaised = 0x3f;  // MXCSR: the exceptions that there were, which stay as they are

  std::uint64_t bits_;
};

// While one is alive its thread computes without subnormal numbers, if wanted.
class SubnormalsAsZero {
 public:
  explicit SubnormalsAsZero(bool wanted) {
    if (wanted) before_.without_subnormals().set_for_this_thread();
  }
  ~SubnormalsAsZero() { before_.set_for_this_thread(); }
  SubnormalsAsZero(const SubnormalsAsZero&) = delete;
  SubnormalsAsZero& operator=(const SubnormalsAsZero&) = delete;

 private:
  const FloatMode before_ = FloatMode::of_this_thread();
};

}  // namespace gradus
