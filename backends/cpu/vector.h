// One SIMD register of T, by the vector extension that g++ and clang++ share: arithmetic works element by element, and
// a scalar operand is broadcast. Included only by kernels; the width is this compilation's instruction set.
#pragma once

#include <cstdint>

namespace gradus::cpu {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
inline constexpr int kVectorRegisters = 32;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
inline constexpr int kVectorRegisters = 16;
#else
inline constexpr int kVectorBytes = 16;
inline constexpr int kVectorRegisters = 16;
#endif

template <class T>
struct VectorOf;
// may_alias and an element's alignment: a vector may be loaded from any array of its elements.
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
};
template <class T>
using Vector = typename VectorOf<T>::type;

// Elements per vector.
template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <class T>
inline const Vector<T>& load(const T* p) {
  return *reinterpret_cast<const Vector<T>*>(p);
}
template <class T>
inline Vector<T>& at(T* p) {
  return *reinterpret_cast<Vector<T>*>(p);
}

}  // namespace gradus::cpu
