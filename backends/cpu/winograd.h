// Winograd's minimal filtering along one axis, for pieces of 6 pixels: m results of a filter with r taps, m + r - 1 = 6, by 6
// multiplications instead of m * r. Along both axes that is 36 instead of 144 for 4x4 results of a 3x3 filter, and instead of 100 for 2x2
// results of a 5x5 filter. (S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms for
// Convolutional Neural Networks, 2016.)
//
// Where it comes from: a polynomial of degree 5, the product of one with m coefficients and one with r, is known by its values at 6
// points. So multiplying two polynomials is: evaluate() both, multiply the values, interpolate. A convolution's result is the transposed
// of that product, and each step is transposed: y = transposed evaluate (m) of [evaluate (r) of the filter * transposed interpolate of
// the pixels]. The points are 0, 1, -1, 2, -2 and infinity, whose "value" is the leading coefficient: their powers are small and exact.
//
//   results            evaluate_transposed<m>(u * v)       u = scaled(evaluate<r>(w)), v = pixels_at_points(d)
//   filter's gradient  evaluate_transposed<r>(scaled(sum of v * z))                    z = evaluate<m>(dy)
//
// V is a number or a SIMD vector of numbers.
#pragma once

namespace gradus::cpu::winograd {

inline constexpr int kPoints = 6;

// The values at the points of the polynomial with these coefficients.
template <int n, class V>
[[gnu::always_inline]] inline void evaluate(const V (&c)[n], V (&at)[kPoints]) {
  V even1 = c[0], odd1 = c[1], even2 = c[0], odd2 = c[1] + c[1];
  for (int i = 2; i < n; i += 2) even1 += c[i], even2 += static_cast<float>(1 << i) * c[i];
  for (int i = 3; i < n; i += 2) odd1 += c[i], odd2 += static_cast<float>(1 << i) * c[i];
  at[0] = c[0];
  at[1] = even1 + odd1;
  at[2] = even1 - odd1;
  at[3] = even2 + odd2;
  at[4] = even2 - odd2;
  at[5] = c[n - 1];
}

template <int n, class V>
[[gnu::always_inline]] inline void evaluate_transposed(const V (&at)[kPoints], V (&c)[n]) {
  const V even1 = at[1] + at[2], odd1 = at[1] - at[2], even2 = at[3] + at[4], odd2 = at[3] - at[4];
  c[0] = at[0] + even1 + even2;
  for (int i = 1; i < n; ++i)
    c[i] = (i % 2 == 0 ? even1 : odd1) + static_cast<float>(1 << i) * (i % 2 == 0 ? even2 : odd2);
  c[n - 1] += at[5];
}

// The factors of interpolation, one per point: 1 / product of the distances to the other (finite) points. The filter takes them.
template <class V>
[[gnu::always_inline]] inline void scale(V (&at)[kPoints]) {
  at[0] *= 1.0f / 4;
  at[1] *= -1.0f / 6;
  at[2] *= -1.0f / 6;
  at[3] *= 1.0f / 24;
  at[4] *= 1.0f / 24;
}

// Interpolation, transposed and without its factors. Row p holds the coefficients of the product of (x - q) over the other points q:
//   0   4  0 -5  0  1  0
//   1   0 -4 -4  1  1  0
//  -1   0  4 -4 -1  1  0
//   2   0 -2 -1  2  1  0
//  -2   0  2 -1 -2  1  0
// inf   0  4  0 -5  0  1
template <class V>
[[gnu::always_inline]] inline void pixels_at_points(const V (&d)[kPoints], V (&at)[kPoints]) {
  const V even1 = d[4] - 4.0f * d[2], odd1 = d[3] - 4.0f * d[1];
  const V even2 = d[4] - d[2], odd2 = 2.0f * (d[3] - d[1]);
  at[0] = 4.0f * (d[0] - d[2]) + even2;
  at[1] = even1 + odd1;
  at[2] = even1 - odd1;
  at[3] = even2 + odd2;
  at[4] = even2 - odd2;
  at[5] = 4.0f * (d[1] - d[3]) + (d[5] - d[3]);
}

}  // namespace gradus::cpu::winograd
