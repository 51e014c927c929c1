// Floating types of 16 bits on the CPU: rows are widened to float32 in small buffers, computed, and rounded back.
#pragma once

#include <cstdint>
#include <type_traits>

#include "gradus/core/float16.h"

#ifdef __F16C__
#include <immintrin.h>
#endif

namespace gradus::cpu {

template <class Format>
inline void widen(const Half<Format>* from, float* to, std::int64_t n) {
  std::int64_t i = 0;
#ifdef __F16C__
  if constexpr (std::is_same_v<Format, Binary16>) {
    for (; i + 8 <= n; i += 8) {
      _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
    }
  }
#endif
  for (; i < n; ++i) to[i] = static_cast<float>(from[i]);
}

// Rounds to nearest even. (Both are `inline` though templates, without which g++ leaves them calls in the loops over blocks.)
template <class Format>
inline void narrow(const float* from, Half<Format>* to, std::int64_t n) {
  std::int64_t i = 0;
#ifdef __F16C__
  if constexpr (std::is_same_v<Format, Binary16>) {
    for (; i + 8 <= n; i += 8) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i),
                       _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
    }
  }
#endif
  for (; i < n; ++i) to[i] = Half<Format>(from[i]);
}

}  // namespace gradus::cpu
