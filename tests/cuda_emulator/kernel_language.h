// CUDA's names in kernels, for a C++ compiler: backends/cuda/kernel.h includes this where there is no nvcc. What a kernel may use is
// what stands here. (CUDA C++ Programming Guide, "C++ language extensions".) Left out with purpose: __shared__, for which sanitizers
// have no eyes (GRADUS_SHARED is watched memory), and __activemask(), which says nothing about who will meet.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "tests/cuda_emulator/block.h"
#include "tests/cuda_emulator/launch.h"

#undef __shared__

#define threadIdx (::gradus::cuda_emulator::thread_index())
#define blockIdx (::gradus::cuda_emulator::block_index())
#define blockDim (::gradus::cuda_emulator::block_dimensions())
#define gridDim (::gradus::cuda_emulator::grid_dimensions())

// A variable of the block: GRADUS_SHARED(float, tile, [32][33]); one a line. Instances of a template have their own.
#define GRADUS_SHARED(type, name, extents)                                                      \
  type(&name) extents = *static_cast<type(*) extents>(::gradus::cuda_emulator::shared_variable( \
      sizeof(type extents), typeid(type extents).hash_code(), __FILE__, __LINE__))

namespace gradus::cuda_emulator {

template <class T>
std::uint64_t to_bits(const T& value) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t) && std::is_trivially_copyable_v<T>);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}
template <class T>
T from_bits(std::uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

// The value of lane `source`, which must take part. Lanes are counted within groups of `width`.
template <class T>
T shuffled(unsigned mask, T value, unsigned source, const char* what, const char* file, int line) {
  const std::uint64_t* const values = warp_exchange(mask, to_bits(value), what, file, line);
  if (((mask >> source) & 1U) == 0)
    fail_in_kernel(std::string(what) + " from lane " + std::to_string(source) + ", which the mask does not name", file,
                   line);
  return from_bits<T>(values[source]);
}

}  // namespace gradus::cuda_emulator

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  gradus::cuda_emulator::block_barrier(file, line);
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFFU, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  gradus::cuda_emulator::warp_exchange(mask, 0, "__syncwarp()", file, line);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, const char* file = __builtin_FILE(),
              int line = __builtin_LINE()) {
  const unsigned lane = gradus::cuda_emulator::lane(), w = static_cast<unsigned>(width);
  return gradus::cuda_emulator::shuffled(mask, value, lane / w * w + static_cast<unsigned>(source) % w, "__shfl_sync()",
                                         file, line);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, const char* file = __builtin_FILE(),
                 int line = __builtin_LINE()) {
  const unsigned lane = gradus::cuda_emulator::lane(), w = static_cast<unsigned>(width);
  return gradus::cuda_emulator::shuffled(mask, value, lane % w >= delta ? lane - delta : lane, "__shfl_up_sync()", file,
                                         line);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  const unsigned lane = gradus::cuda_emulator::lane(), w = static_cast<unsigned>(width);
  return gradus::cuda_emulator::shuffled(mask, value, lane % w + delta < w ? lane + delta : lane, "__shfl_down_sync()",
                                         file, line);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int with, int width = 32, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  const unsigned lane = gradus::cuda_emulator::lane(), w = static_cast<unsigned>(width);
  const unsigned other = lane ^ static_cast<unsigned>(with);
  return gradus::cuda_emulator::shuffled(mask, value, other / w == lane / w ? other : lane, "__shfl_xor_sync()", file,
                                         line);
}
inline unsigned __ballot_sync(unsigned mask, bool predicate, const char* file = __builtin_FILE(),
                              int line = __builtin_LINE()) {
  const std::uint64_t* const values =
      gradus::cuda_emulator::warp_exchange(mask, predicate ? 1 : 0, "__ballot_sync()", file, line);
  unsigned result = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (((mask >> lane) & 1U) != 0 && values[lane] != 0) result |= 1U << lane;
  }
  return result;
}
inline bool __any_sync(unsigned mask, bool predicate, const char* file = __builtin_FILE(),
                       int line = __builtin_LINE()) {
  return __ballot_sync(mask, predicate, file, line) != 0;
}
inline bool __all_sync(unsigned mask, bool predicate, const char* file = __builtin_FILE(),
                       int line = __builtin_LINE()) {
  return __ballot_sync(mask, predicate, file, line) == mask;
}
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }

// Atomic also between blocks, as on the device; relaxed, so that they order nothing else.
template <class T, class Function>
T gradus_emulated_atomic(T* address, Function&& function) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  Bits* const bits = reinterpret_cast<Bits*>(address);
  Bits expected = __atomic_load_n(bits, __ATOMIC_RELAXED);
  for (;;) {
    T value;
    std::memcpy(&value, &expected, sizeof(T));
    const T changed = function(value);
    Bits wanted;
    std::memcpy(&wanted, &changed, sizeof(T));
    if (__atomic_compare_exchange_n(bits, &expected, wanted, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return value;
  }
}
template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return gradus_emulated_atomic(address, [value](T old) { return static_cast<T>(old + value); });
}
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return gradus_emulated_atomic(address, [value](T old) { return old < value ? value : old; });
}
template <class T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return gradus_emulated_atomic(address, [value](T old) { return value < old ? value : old; });
}
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return gradus_emulated_atomic(address, [value](T) { return value; });
}
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value) {
  return gradus_emulated_atomic(address, [=](T old) { return old == compare ? value : old; });
}
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

template <class T>
T __ldg(const T* address) {
  return *address;
}

namespace gradus {

template <class T>
T* dynamic_shared() {
  return static_cast<T*>(cuda_emulator::dynamic_shared_memory());
}

namespace cuda_emulator {

// "relu<float>" out of the compiler's name of this function, which ends in "kernel = relu<float>]".
template <auto kernel>
std::string kernel_name() {
  std::string_view name = __PRETTY_FUNCTION__;
  if (const auto begin = name.find("kernel = "); begin != std::string_view::npos) name.remove_prefix(begin + 9);
  name = name.substr(0, std::min(name.rfind(']'), name.find("; ")));
  if (!name.empty() && name.front() == '&') name.remove_prefix(1);
  return std::string(name);
}

}  // namespace cuda_emulator
}  // namespace gradus
