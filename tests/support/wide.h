// Wide: the widest floating type with a mathematical library here, against which float32 and float64 are measured: 113 bits with
// g++ on x86 and on 64-bit ARM, 64 bits with clang++ on x86.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "gradus/core/tensor.h"

namespace gradus {

#if defined(__HAVE_FLOAT128) && __HAVE_FLOAT128 && !defined(__clang__)
using Wide = _Float128;
#define GRADUS_WIDE(function) ::function##f128
#else
using Wide = long double;
#define GRADUS_WIDE(function) ::function##l
#endif

namespace wide {

// False where long double is no wider than double: tests that need more skip.
inline constexpr bool kIsWide = sizeof(Wide) > 8;
inline constexpr Wide kPi = static_cast<Wide>(3.14159265358979311600e+00) + static_cast<Wide>(1.2246467991473532e-16) +
                            static_cast<Wide>(-2.9947698097183397e-33);

inline Wide sqrt(Wide x) { return GRADUS_WIDE(sqrt)(x); }
inline Wide exp(Wide x) { return GRADUS_WIDE(exp)(x); }
inline Wide expm1(Wide x) { return GRADUS_WIDE(expm1)(x); }
inline Wide log(Wide x) { return GRADUS_WIDE(log)(x); }
inline Wide log1p(Wide x) { return GRADUS_WIDE(log1p)(x); }
inline Wide sin(Wide x) { return GRADUS_WIDE(sin)(x); }
inline Wide cos(Wide x) { return GRADUS_WIDE(cos)(x); }
inline Wide tanh(Wide x) { return GRADUS_WIDE(tanh)(x); }
inline Wide cosh(Wide x) { return GRADUS_WIDE(cosh)(x); }
inline Wide erf(Wide x) { return GRADUS_WIDE(erf)(x); }
inline Wide erfc(Wide x) { return GRADUS_WIDE(erfc)(x); }
inline Wide pow(Wide x, Wide y) { return GRADUS_WIDE(pow)(x, y); }
inline Wide abs(Wide x) { return x < 0 ? -x : x; }

// The distance of float32's or float64's numbers at x.
inline Wide unit_in_the_last_place(Wide x, DType dtype) {
  const bool narrow = dtype == DType::kFloat32;
  int exponent = 0;
  GRADUS_WIDE(frexp)(x, &exponent);  // |x| in [0.5, 1) * 2^exponent
  const int smallest = narrow ? -149 : -1074;
  const int place = x == 0 ? smallest : std::max(exponent - (narrow ? 24 : 53), smallest);
  return GRADUS_WIDE(ldexp)(1, place);
}

// How far `got`, a number of `dtype`, is from `exact`, in units of the last place of `scale` or of `exact`, whichever is larger.
// What is beyond the largest number is infinite; wrong signs of infinity, NaN for a number, a number for NaN are infinitely far.
inline double ulps(double got, Wide exact, DType dtype, Wide scale = 0) {
  const bool narrow = dtype == DType::kFloat32;
  const Wide largest = narrow ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
  const double infinity = std::numeric_limits<double>::infinity();
  if (exact != exact || std::isnan(got)) return exact != exact && std::isnan(got) ? 0 : infinity;
  const Wide border = largest + unit_in_the_last_place(largest, dtype) / 2;
  if (exact >= border || exact <= -border) return got == (exact > 0 ? infinity : -infinity) ? 0 : infinity;
  if (std::isinf(got)) return infinity;
  const Wide unit = unit_in_the_last_place(abs(exact) > abs(scale) ? exact : scale, dtype);
  return static_cast<double>(abs(static_cast<Wide>(got) - exact) / unit);
}

}  // namespace wide
}  // namespace gradus
