// Stacks that take turns on one thread of the machine: each is one CUDA thread of an emulated block. AddressSanitizer is told of
// every switch; ThreadSanitizer sees each fiber as a thread of its own, and no switch as synchronisation (block.cc says what is).
#pragma once

#include <cstddef>

namespace gradus::cuda_emulator {

class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // What the next resume() calls, on this stack. A call that was left in the middle is forgotten.
  void start(void (*function)(void*), void* argument);
  // From outside: runs until the function pauses or returns.
  void resume();
  // From inside of the running fiber: back to who resumed it.
  static void pause();

  bool is_done() const { return function_ == nullptr; }
  static Fiber* running();

 private:
  static void run();
  void make();
  void discard();

  char* memory_ = nullptr;  // a page that nobody may touch, and above it the stack, which grows downwards
  std::size_t bytes_ = 0;
  void* stack_pointer_ = nullptr;
  void* outside_ = nullptr;  // the stack pointer of who resumed it
  void (*function_)(void*) = nullptr;
  void* argument_ = nullptr;
  // Of the sanitizers.
  [[maybe_unused]] void* fake_stack_ = nullptr;
  [[maybe_unused]] void* outside_fake_stack_ = nullptr;
  [[maybe_unused]] const void* outside_bottom_ = nullptr;
  [[maybe_unused]] std::size_t outside_bytes_ = 0;
  [[maybe_unused]] void* tsan_fiber_ = nullptr;
  [[maybe_unused]] void* outside_tsan_fiber_ = nullptr;
};

}  // namespace gradus::cuda_emulator
