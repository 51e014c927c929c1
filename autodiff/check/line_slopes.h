// Numeric derivatives along a line, with error estimates and a verdict on kinks. The work of check_gradients(); no
// graph here.
#pragma once

#include <vector>

#include "gradus/core/function_ref.h"

namespace gradus {

// f(t): several real functions of one variable, evaluated together. The i-th value is finite or not as f is there.
using LineFunction = FunctionRef<std::vector<double>(double)>;

struct Slope {
  enum class Kind {
    kSmooth,
    kKink,       // left and right slopes differ however small the step
    kJump,       // f(t) - f(-t) does not vanish with t
    kNotFinite,  // f is NaN or infinite at 0, or on one side at every step
  };
  Kind kind = Kind::kSmooth;
  double value = 0;  // the derivative at 0; at a kink the mean of both sides
  double left = 0, right = 0;
  double step = 0;         // the larger t of the two that were extrapolated
  double uncertainty = 0;  // of value, by rounding and truncation
  double noise = 0;        // the part of it that rounding of f explains for certain
};

struct LineOptions {
  double step = 1e-3;       // first t to try
  double widest = 4e-3;     // the further steps, each a quarter of the one before: from here
  double narrowest = 2e-7;  // to here
  double tolerance = 1e-7;  // relative; values this near to the expected slope need no further steps
  double floor = 0;         // slopes count as at least this large when relative errors are formed
  double magnitude = 1;     // f's largest intermediate result: rounding errors are taken in proportion
};

// The derivatives of f at 0. f(0) is given. Central differences at step and step/2, extrapolated (Richardson 1911):
// error O(step^4). Where that misses the expected slope, or the one-sided slopes do not approach each other, a row of
// steps decides. Rounding errors shrink with 1/t and truncation errors grow with t: from the narrowest step upwards,
// a wider one is taken as long as it agrees with the narrower ones within their errors (Lepski 1991), and of these the
// one with the smallest error estimate, formed from neighbours in the manner of Ridders (1982), counts.
std::vector<Slope> line_slopes(LineFunction f, const std::vector<double>& f0, const std::vector<double>& expected,
                               const LineOptions& options);

// |a - b| relative to the larger of both and to `floor`; 0 for 0/0.
double relative_difference(double a, double b, double floor);

}  // namespace gradus
