// Reductions. An op is an initial value, a function of each element, how two partial results combine, and what is done at the end. Partial
// results are float64 (integers: int64; norms of float64: several sums).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "gradus/backends/common/compute.h"
#include "gradus/backends/formulas/formula.h"
#include "gradus/core/wrapping.h"

namespace gradus::formulas {

using common::Wide;

struct SumOp {
  template <class T>
  using Partial = Wide<T>;
  template <class T>
  static constexpr Wide<T> initial() {
    return 0;
  }
  template <class T>
  static constexpr Wide<T> element(Wide<T> x) {
    return x;
  }
  template <class W>
  static constexpr W combine(W a, W b) {
    return static_cast<W>(wrapping(a) + wrapping(b));
  }
  template <class W>
  static constexpr W finish(W total, std::int64_t) {
    return total;
  }
};

struct MeanOp : SumOp {
  static constexpr double finish(double total, std::int64_t count) { return total / static_cast<double>(count); }
};

struct L2LossOp : SumOp {
  template <class T>
  static constexpr double element(double x) {
    return x * x;
  }
  static constexpr double finish(double total, std::int64_t) { return total / 2; }
};

// Sums of squares of float64 by their size, each scaled so that none overflows and none is lost (Blue, ACM TOMS 4(1), 1978,
// with the borders of LAPACK's dnrm2). A NaN is in the middle.
struct ScaledSquares {
  static constexpr double kSmall = 0x1p-511, kBig = 0x1p486, kScaleUp = 0x1p537, kScaleDown = 0x1p-538;
  double small, middle, big;

  constexpr double root() const {
    if (!(big == 0)) return std::sqrt(big + middle * kScaleDown * kScaleDown) / kScaleDown;
    if (small == 0) return std::sqrt(middle);
    return std::hypot(std::sqrt(middle), std::sqrt(small) / kScaleUp);
  }
};

struct EuclideanNormOp : SumOp {
  template <class T>
  using Partial = std::conditional_t<std::is_same_v<T, double>, ScaledSquares, double>;
  template <class T>
  static constexpr Partial<T> initial() {
    return {};
  }
  template <class T>
  static constexpr Partial<T> element(double x) {
    if constexpr (std::is_same_v<T, double>) {
      using S = ScaledSquares;
      const double size = std::abs(x);
      const bool is_big = size > S::kBig, is_small = size < S::kSmall;
      const double scaled = is_big ? x * S::kScaleDown : is_small ? x * S::kScaleUp : x, square = scaled * scaled;
      return {is_small ? square : 0.0, is_big || is_small ? 0.0 : square, is_big ? square : 0.0};
    } else {
      return x * x;  // in float64, whose range holds the squares of float32
    }
  }
  static constexpr double combine(double a, double b) { return a + b; }
  static constexpr ScaledSquares combine(const ScaledSquares& a, const ScaledSquares& b) {
    return {a.small + b.small, a.middle + b.middle, a.big + b.big};
  }
  static constexpr double finish(double total, std::int64_t) { return std::sqrt(total); }
  static constexpr double finish(const ScaledSquares& total, std::int64_t) { return total.root(); }
};

struct ProdOp : SumOp {
  template <class T>
  static constexpr Wide<T> initial() {
    return 1;
  }
  template <class W>
  static constexpr W combine(W a, W b) {
    return static_cast<W>(wrapping(a) * wrapping(b));
  }
};

struct MaxOp : SumOp {
  template <class T>
  static constexpr Wide<T> initial() {
    if constexpr (std::is_integral_v<T>)
      return std::numeric_limits<T>::lowest();
    else
      return -std::numeric_limits<double>::infinity();
  }
  template <class W>
  static constexpr W combine(W a, W b) {
    return a > b || a != a ? a : b;
  }
};

struct MinOp : SumOp {
  template <class T>
  static constexpr Wide<T> initial() {
    if constexpr (std::is_integral_v<T>)
      return std::numeric_limits<T>::max();
    else
      return std::numeric_limits<double>::infinity();
  }
  template <class W>
  static constexpr W combine(W a, W b) {
    return a < b || a != a ? a : b;
  }
};

}  // namespace gradus::formulas
