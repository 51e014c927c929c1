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

inline CudaDevice& device_of(KernelContext& c) { return static_cast<CudaDevice&>(c.device()); }

// Puts a kernel over `items` items (first_item(), item_stride()) into the device's stream.
template <auto kernel, class... Arguments>
void run_over(KernelContext& c, std::int64_t items, Arguments... arguments) {
  const CudaDevice& device = device_of(c);
  device.make_current();
  const Launch l{.grid = blocks_for(items, kThreads), .block = kThreads, .stream = device.stream()};
  check(launch<kernel>(l, arguments...), "the launch of a kernel");
}

// From inside of a kernel: what it found wrong, unless another thread was first.
__device__ inline void report(Finding* findings, unsigned number, std::int64_t first = 0, std::int64_t second = 0) {
  if (atomicCAS(&findings->number, 0U, number) != 0U) return;
  findings->values[0] = first;
  findings->values[1] = second;
}

}  // namespace gradus::cuda
