// One launch of a kernel: its blocks one after the other, the threads of a block as fibers. What kernels call while they run is here
// (kernel_language.h gives it CUDA's names), and what they do wrong ends the launch with a KernelError.
#pragma once

#include <vector_types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>

namespace gradus::cuda_emulator {

constexpr unsigned kWarpSize = 32;
constexpr unsigned kMaxThreadsPerBlock = 1024;
constexpr std::size_t kSharedBytes = 48 * 1024;        // of a block, unless its kernel asks for more
constexpr std::size_t kSharedBytesOptIn = 227 * 1024;  // then (compute capability 9.0)

// "kernel relu<float> at relu.cu:31, block (2,0,0), thread (5,0,0): text"
struct KernelError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct KernelLaunch {
  std::string kernel;  // its name in errors
  dim3 grid, block;
  std::size_t dynamic_bytes = 0;             // of shared memory
  std::size_t allowed_bytes = kSharedBytes;  // of shared memory, static and dynamic
  std::function<void()> body;                // the kernel's call with its arguments
};

// The order in which blocks, and the threads of a block, get their turns.
enum class ThreadOrder { kAscending, kDescending, kRandom };

// Runs all blocks. Throws KernelError; other blocks do not run then.
void run_kernel(const KernelLaunch& launch, ThreadOrder order, std::mt19937_64& random);

// Whether a kernel runs on this thread of the machine.
bool in_kernel();

// ---- From inside of kernels.

// By value: what kernels read is theirs, and not a race with the emulator to ThreadSanitizer.
uint3 thread_index();
uint3 block_index();
dim3 block_dimensions();
dim3 grid_dimensions();

// All threads of the block; each must come here, to the same line.
void block_barrier(const char* file, int line);

// The threads of a warp that `mask` names meet; returns the values that they brought, by lane, until the caller's next warp operation.
const std::uint64_t* warp_exchange(unsigned mask, std::uint64_t value, const char* what, const char* file, int line);
unsigned lane();

// The block's variable of this line and type, filled with 0xFF, which is NaN.
void* shared_variable(std::size_t bytes, std::size_t type, const char* file, int line);
void* dynamic_shared_memory();

// Of a thread that cannot go on, at this line.
[[noreturn]] void fail_in_kernel(const std::string& text, const char* file, int line);

}  // namespace gradus::cuda_emulator
