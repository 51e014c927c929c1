#include "tests/cuda_emulator/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/cuda_emulator/sanitizers.h"

#if defined(__x86_64__) && !defined(GRADUS_EMULATOR_UCONTEXT)
#define GRADUS_EMULATOR_ASSEMBLY 1
#else
#include <ucontext.h>
#endif

namespace gradus::cuda_emulator {
namespace {

// Sanitizers put red zones around every variable of a kernel.
#if defined(GRADUS_EMULATOR_ASAN) || defined(GRADUS_EMULATOR_TSAN)
constexpr std::size_t kStackBytes = 256 * 1024;
#else
constexpr std::size_t kStackBytes = 64 * 1024;
#endif

thread_local Fiber* running_fiber = nullptr;

#ifdef GRADUS_EMULATOR_ASSEMBLY
// Saves what a function must preserve and the stack pointer in *from, and goes on where *to was left. (System V ABI, section
// 3.2.1; the control words of the floating-point units belong to it.)
extern "C" void gradus_emulator_switch(void** from, void* to);
asm(R"(
.text
.globl gradus_emulator_switch
.type gradus_emulator_switch, @function
gradus_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  subq $8, %rsp
  stmxcsr (%rsp)
  fnstcw 4(%rsp)
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  ldmxcsr (%rsp)
  fldcw 4(%rsp)
  addq $8, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size gradus_emulator_switch, .-gradus_emulator_switch
)");

// A stack on which gradus_emulator_switch finds the registers that it restores, and the address that it returns to.
void* prepared(char* top, void (*function)()) {
  auto* words = reinterpret_cast<std::uint64_t*>(top) - 2;  // the ABI's alignment at a function's first instruction
  *words = reinterpret_cast<std::uint64_t>(function);
  words -= 7;
  for (int i = 0; i < 7; ++i) words[i] = 0;
  auto* control = reinterpret_cast<std::uint32_t*>(words);
  asm volatile("stmxcsr %0" : "=m"(control[0]));
  asm volatile("fnstcw %0" : "=m"(*reinterpret_cast<std::uint16_t*>(&control[1])));
  return words;
}
#else
// Ten times as slow: it also saves the signal mask.
void gradus_emulator_switch(void** from, void* to) {
  ucontext_t here;
  *from = &here;
  swapcontext(&here, static_cast<ucontext_t*>(to));
}

void* prepared(char* top, void (*function)()) {
  auto* context = reinterpret_cast<ucontext_t*>(top - sizeof(ucontext_t));
  getcontext(context);
  context->uc_stack.ss_sp = top - kStackBytes;
  context->uc_stack.ss_size = kStackBytes - sizeof(ucontext_t) - 64;
  context->uc_link = nullptr;
  makecontext(context, function, 0);
  return context;
}
#endif

}  // namespace

Fiber* Fiber::running() { return running_fiber; }

Fiber::Fiber() { make(); }
Fiber::~Fiber() { discard(); }

void Fiber::make() {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  bytes_ = kStackBytes + page;
  void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) != 0) {
    std::perror("CUDA emulator: no memory for the stack of a thread");
    std::abort();
  }
  memory_ = static_cast<char*>(memory);
#ifdef GRADUS_EMULATOR_TSAN
  tsan_fiber_ = __tsan_create_fiber(0);
#endif
}

void Fiber::discard() {
#ifdef GRADUS_EMULATOR_TSAN
  __tsan_destroy_fiber(tsan_fiber_);
#endif
  allow(memory_, bytes_);  // what a function that was left in the middle had forbidden
  munmap(memory_, bytes_);
}

void Fiber::start(void (*function)(void*), void* argument) {
  if (!is_done()) {  // sanitizers still see the function that was left on this stack
    discard();
    make();
  }
  function_ = function;
  argument_ = argument;
  fake_stack_ = nullptr;
  stack_pointer_ = prepared(memory_ + bytes_, &Fiber::run);
}

// The first function on the stack; never returns.
void Fiber::run() {
  Fiber* const self = running_fiber;
#ifdef GRADUS_EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &self->outside_bottom_, &self->outside_bytes_);
#endif
  self->function_(self->argument_);
  self->function_ = nullptr;
#ifdef GRADUS_EMULATOR_ASAN
  __sanitizer_start_switch_fiber(nullptr, self->outside_bottom_, self->outside_bytes_);  // the fake stack is given back
#endif
#ifdef GRADUS_EMULATOR_TSAN
  __tsan_switch_to_fiber(self->outside_tsan_fiber_, 1);
#endif
  gradus_emulator_switch(&self->stack_pointer_, self->outside_);
  std::abort();
}

void Fiber::resume() {
  Fiber* const outer = running_fiber;
  running_fiber = this;
#ifdef GRADUS_EMULATOR_ASAN
  __sanitizer_start_switch_fiber(&outside_fake_stack_, memory_, bytes_);
#endif
#ifdef GRADUS_EMULATOR_TSAN
  outside_tsan_fiber_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(tsan_fiber_, 1);  // 1: no synchronisation
#endif
  gradus_emulator_switch(&outside_, stack_pointer_);
#ifdef GRADUS_EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(outside_fake_stack_, nullptr, nullptr);
#endif
  running_fiber = outer;
}

void Fiber::pause() {
  Fiber* const self = running_fiber;
#ifdef GRADUS_EMULATOR_ASAN
  __sanitizer_start_switch_fiber(&self->fake_stack_, self->outside_bottom_, self->outside_bytes_);
#endif
#ifdef GRADUS_EMULATOR_TSAN
  __tsan_switch_to_fiber(self->outside_tsan_fiber_, 1);
#endif
  gradus_emulator_switch(&self->stack_pointer_, self->outside_);
#ifdef GRADUS_EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(self->fake_stack_, &self->outside_bottom_, &self->outside_bytes_);
#endif
}

}  // namespace gradus::cuda_emulator
