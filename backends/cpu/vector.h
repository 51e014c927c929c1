// One SIMD register of T, by the vector extension that g++ and clang++ share: arithmetic works element by element, and
// a scalar operand is broadcast. Included only by kernels; the width is this compilation's instruction set.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace gradus::cpu {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
inline constexpr int kVectorRegisters = 32;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
inline constexpr int kVectorRegisters = 16;
#elif defined(__aarch64__)
inline constexpr int kVectorBytes = 16;  // NEON
inline constexpr int kVectorRegisters = 32;
#else
inline constexpr int kVectorBytes = 16;
inline constexpr int kVectorRegisters = 16;
#endif

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using Vector = typename VectorOf<T>::type;

// f(0), f(1), ..., f(n - 1), each as an integral constant. Where loops over arrays of vectors are written so, g++ keeps the arrays in
// registers; those that it unrolls by itself it has put into memory before.
template <int n, class F>
[[gnu::always_inline]] inline void unrolled(F&& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>{}), ...);
  }
  (std::make_integer_sequence<int, n>{});
}
#define GRADUS_INLINE __attribute__((always_inline))

// No iteration of the next loop reads what another writes, even where a result takes the memory of an operand.
#ifdef __clang__
#define GRADUS_INDEPENDENT_ITERATIONS _Pragma("clang loop vectorize(assume_safety)")
#else
#define GRADUS_INDEPENDENT_ITERATIONS _Pragma("GCC ivdep")
#endif

// Elements per vector.
template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

// Between a register and any array of elements, whose alignment is that of one element: unaligned moves. (A reference to a vector
// type of smaller alignment would say the same to g++ only; clang++ drops the attribute within templates.)
template <class T>
[[gnu::always_inline]] inline Vector<T> load(const T* p) {
  Vector<T> v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
template <class T>
[[gnu::always_inline]] inline void store(T* p, const Vector<T>& v) {
  std::memcpy(p, &v, sizeof(v));
}

// The sum of all lanes, by halves: of the upper and the lower half, of the halves of that, and so on. V: `lanes` values of T.
template <class T, int lanes, class V>
[[gnu::always_inline]] inline T sum_of_lanes(const V& v) {
  if constexpr (lanes == 2) {
    return v[0] + v[1];
  } else {
    constexpr int half = lanes / 2;
    return [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
      return sum_of_lanes<T, half>(__builtin_shufflevector(v, v, i...) + __builtin_shufflevector(v, v, (half + i)...));
    }
    (std::make_integer_sequence<int, half>{});
  }
}

}  // namespace gradus::cpu
