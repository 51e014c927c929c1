// What kernels are written in: the only header that knows whether nvcc compiles them or, for the emulator of the tests, a C++ compiler.
//
//   template <class T>
//   __global__ void scale(T* y, const T* x, T factor, std::int64_t n) {
//     for (std::int64_t i = first_item(); i < n; i += item_stride()) y[i] = factor * x[i];
//   }
//   cudaError_t error = launch<scale<float>>({.grid = blocks_for(n, 256), .block = 256, .stream = stream}, y, x, 2.0f, n);
//
// .cu files include this, kernels.h, formulas and those headers of core and ops that need the standard library alone.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#ifdef __CUDACC__

#include <cuda_runtime.h>

// A variable that the threads of a block share: GRADUS_SHARED(float, tile, [32][33]); one a line.
#define GRADUS_SHARED(type, name, extents) __shared__ type name extents

namespace gradus {

// The block's memory of the size that the launch gave.
template <class T>
__device__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char gradus_dynamic_shared_memory[];
  return reinterpret_cast<T*>(gradus_dynamic_shared_memory);
}

}  // namespace gradus

#else

#include "cuda_emulator/kernel_language.h"

#endif

namespace gradus {

struct Launch {
  dim3 grid = 1, block = 1;
  std::size_t shared_bytes = 0;  // of dynamic_shared()
  cudaStream_t stream = nullptr;
};

namespace cuda_detail {

template <auto kernel, class... Parameters>
cudaError_t start(const Launch& l, void (*)(Parameters...), Parameters... arguments) {
  if (l.grid.x == 0 || l.grid.y == 0 || l.grid.z == 0) return cudaSuccess;
#ifdef __CUDACC__
  void* pointers[] = {&arguments..., nullptr};
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), l.grid, l.block, pointers, l.shared_bytes, l.stream);
#else
  return cuda_emulator::enqueue_kernel(cuda_emulator::kernel_name<kernel>(), reinterpret_cast<const void*>(kernel),
                                       l.grid, l.block, l.shared_bytes, l.stream, [=] { kernel(arguments...); });
#endif
}

template <class... Parameters>
struct Starter {
  // Arguments become parameters as in any call: a narrowing one is warned of, a pointer to another type is an error.
  template <auto kernel>
  static cudaError_t run(const Launch& l, Parameters... arguments) {
    return start<kernel, Parameters...>(l, kernel, arguments...);
  }
};
template <class... Parameters>
Starter<Parameters...> starter_of(void (*)(Parameters...));

}  // namespace cuda_detail

// Puts a kernel into a stream; nothing where the grid is empty. What goes wrong while it runs is reported by a later synchronisation.
template <auto kernel, class... Arguments>
cudaError_t launch(const Launch& l, Arguments... arguments) {
  using Starter = decltype(cuda_detail::starter_of(kernel));
  return Starter::template run<kernel>(l, arguments...);
}

// Kernels over n items step through them by the size of the whole grid, so that any grid will do.
inline __device__ std::int64_t first_item() { return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
inline __device__ std::int64_t item_stride() { return std::int64_t{gridDim.x} * blockDim.x; }
// A grid for that: enough blocks for all items, but no more than are in flight several times over on the largest GPU (an H200 has 132
// processors, each with room for 8 blocks of 256 threads); the threads then go on to further items (a grid-stride loop).
inline unsigned blocks_for(std::int64_t n, unsigned threads, unsigned most = 132 * 16) {
  return static_cast<unsigned>(std::min<std::int64_t>((n + threads - 1) / threads, most));
}

}  // namespace gradus
