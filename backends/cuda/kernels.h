// What every .cu file of this backend shares: its device type, and how a kernel of the engine starts one of CUDA. No fmt, no Eigen:
// nvcc would take many times as long, and refuses some of it. (backend.cc lists the op families.)
#pragma once

#include "gradus/backends/common/compute.h"
#include "gradus/backends/common/work.h"
#include "gradus/backends/cuda/check.h"
#include "gradus/backends/cuda/device.h"
#include "gradus/backends/cuda/kernel.h"
#include "gradus/core/kernel.h"

namespace gradus::cuda {

using common::Compute;
using common::visit_bits;
using common::Wide;

inline constexpr const char* kDevice = "cuda";
inline constexpr unsigned kThreads = 256;  // of a block, where nothing asks for another number

// Puts a kernel over `items` items (first_item(), item_stride()) into the device's stream.
template <auto kernel, class... Arguments>
void run_over(KernelContext& c, std::int64_t items, Arguments... arguments) {
  const CudaDevice& device = device_of(c);
  device.make_current();
  const Launch l{.grid = blocks_for(items, kThreads), .block = kThreads, .stream = device.stream()};
  check(launch<kernel>(l, arguments...), "the launch of a kernel");
}

// Of blocks, where each has its own result. Throws Unimplemented for more than a grid may have.
inline unsigned grid_of(std::int64_t blocks) {
  if (blocks <= 0x7fffffff) return static_cast<unsigned>(blocks);
  throw Error(Code::kUnimplemented,
              "its result needs " + std::to_string(blocks) + " blocks of threads; a grid has 2^31-1");
}

// The same of a kernel in which each block has its own result.
template <auto kernel, class... Arguments>
void run_blocks(KernelContext& c, std::int64_t blocks, unsigned threads, Arguments... arguments) {
  const CudaDevice& device = device_of(c);
  device.make_current();
  const Launch l{.grid = grid_of(blocks), .block = threads, .stream = device.stream()};
  check(launch<kernel>(l, arguments...), "the launch of a kernel");
}

// CudaDevice::add_mistake for this kernel's node. The text is made of as many of the values as `describe` takes.
template <class Describe>
unsigned add_mistake(KernelContext& c, Code code, Describe describe) {
  return device_of(c).add_mistake(
      code, c.where(), [describe](std::int64_t first, std::int64_t second, std::int64_t third) {
        if constexpr (std::is_invocable_v<Describe, std::int64_t, std::int64_t, std::int64_t>) {
          return describe(first, second, third);
        } else if constexpr (std::is_invocable_v<Describe, std::int64_t, std::int64_t>) {
          return describe(first, second);
        } else {
          return describe(first);
        }
      });
}
inline unsigned add_mistake(KernelContext& c, Code code, const char* text) {
  return add_mistake(c, code, [text](std::int64_t) { return std::string(text); });
}

// From inside of a kernel: the sum, in every thread of the block, of what its threads bring: by halves, always in the same order.
template <unsigned threads, class T>
__device__ T block_sum(T value) {
  GRADUS_SHARED(T, values, [threads]);
  __syncthreads();  // an earlier sum may still be read
  values[threadIdx.x] = value;
  for (unsigned half = threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) values[threadIdx.x] += values[threadIdx.x + half];
  }
  __syncthreads();
  return values[0];
}

// From inside of a kernel: what it found wrong, unless another thread was first.
__device__ inline void report(Finding* findings, unsigned number, std::int64_t first = 0, std::int64_t second = 0,
                              std::int64_t third = 0) {
  if (atomicCAS(&findings->number, 0U, number) != 0U) return;
  findings->values[0] = first;
  findings->values[1] = second;
  findings->values[2] = third;
}

}  // namespace gradus::cuda
