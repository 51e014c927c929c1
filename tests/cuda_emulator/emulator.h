// An emulator of the CUDA runtime, for tests on machines without a GPU. The calls that the backend makes (cuda_runtime_api.h) are
// defined here, at link time, in place of NVIDIA's library; kernels are the same sources, compiled by the C++ compiler
// (backends/cuda/kernel.h). What a real device only does sometimes is made likely or certain:
//
//   streams      what is put into them runs when somebody waits, in an order drawn from the seed among all that events allow
//   threads      the threads of a block take turns in an order drawn from the seed, and change places only where they wait
//   memory       of a device can be read and written by its kernels and copies alone: the host that does so ends with SIGSEGV and a
//                sentence. Fresh memory is NaN. Bytes around each allocation are looked at when it is given back
//   barriers     that not all threads reach, and warp operations whose mask names threads that do not come, fail the launch
//   sanitizers   AddressSanitizer sees overruns of device and shared memory; ThreadSanitizer takes each CUDA thread for a thread,
//                and so finds races and missing barriers
//
// Not emulated: time, caches and fences, tensor cores, the device's own exp and sin, contracted products and sums, registers, blocks at
// the same time, and what a device answers to a kernel that touches the host's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/cuda_emulator/block.h"

namespace gradus::cuda_emulator {

struct Options {
  int devices = 1;                            // 0: as on a machine without any
  std::size_t memory = std::size_t{1} << 30;  // bytes of each
  std::uint64_t seed = 1;
  ThreadOrder order = ThreadOrder::kRandom;
};

// A new machine: all that was allocated, enqueued or failed is gone. Call it at the start of a test, before anything of CUDA is held.
void reset(const Options& options = {});

// What the first failed kernel or copy said, "" where none has failed: "kernel relu<float> at relu.cu:31, block (0,0,0), ...".
std::string failure();

// What is wrong with that range as a device's memory, "" where it lies within one allocation.
std::string check_memory(const void* address, std::size_t bytes);

// Since reset().
struct Counts {
  std::size_t kernels = 0, copies = 0, graph_launches = 0, allocations = 0;
  std::size_t live_bytes = 0, live_allocations = 0, live_streams = 0, live_events = 0,
              live_graphs = 0;  // not given back yet
};
Counts counts();

}  // namespace gradus::cuda_emulator
