#include "gradus/autodiff/line_slopes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

namespace gradus {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
// The wide search: steps 4 h, h, h/4, ..., h/4096.
constexpr int kSteps = 8;

// Values on both sides of 0 at one step.
struct Sides {
  double step = 0;
  std::vector<double> plus, minus;
};

// One function's slopes at one step.
struct Differences {
  double step, left, right, central, noise;
  bool finite() const { return std::isfinite(left) && std::isfinite(right); }
  double gap() const { return std::abs(right - left); }
  double steepest() const { return std::max(std::abs(left), std::abs(right)); }
};

Sides both_sides(LineFunction f, double step) { return {step, f(step), f(-step)}; }

Differences differences(const Sides& s, double f0, std::size_t j, double magnitude) {
  const double plus = s.plus[j], minus = s.minus[j];
  const double size = std::max({std::abs(plus), std::abs(minus), magnitude});
  // Each value carries some units of rounding error of f's intermediate results.
  return {s.step, (f0 - minus) / s.step, (plus - f0) / s.step, (plus - minus) / (2 * s.step),
          16 * kEpsilon * size / s.step};
}

// Slopes of a smooth f approach each other in proportion to the step; at a kink they do not.
bool gap_stays(const Differences& wide, const Differences& narrow, double share) {
  return narrow.gap() > share * wide.gap() && narrow.gap() > 1e-3 * narrow.steepest() &&
         narrow.gap() > 100 * narrow.noise;
}

bool is_jump(const std::array<Differences, kSteps>& d) {
  const Differences &a = d[kSteps - 3], &b = d[kSteps - 2], &c = d[kSteps - 1];
  return std::abs(c.central) > 3 * std::abs(b.central) && std::abs(b.central) > 3 * std::abs(a.central) &&
         std::abs(c.central) > 100 * c.noise;
}

Slope from_all_steps(const std::array<Differences, kSteps>& d) {
  const Differences& last = d[kSteps - 1];
  Slope slope;
  slope.left = last.left;
  slope.right = last.right;
  slope.value = last.central;
  slope.step = last.step;
  if (!last.finite()) {
    slope.kind = Slope::Kind::kNotFinite;
    return slope;
  }
  if (d[kSteps - 3].finite() && d[kSteps - 2].finite()) {
    if (is_jump(d)) {
      slope.kind = Slope::Kind::kJump;
      return slope;
    }
    if (gap_stays(d[kSteps - 3], d[kSteps - 2], 0.5) && gap_stays(d[kSteps - 2], last, 0.5)) {
      slope.kind = Slope::Kind::kKink;
      return slope;
    }
  }
  // Extrapolation from t and t/4: (16 D(t/4) - D(t)) / 15. The pair that agrees best with the next one counts.
  slope.uncertainty = std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k + 2 < kSteps; ++k) {
    if (!d[k].finite() || !d[k + 1].finite() || !d[k + 2].finite()) continue;
    const double value = (16 * d[k + 1].central - d[k].central) / 15;
    const double next = (16 * d[k + 2].central - d[k + 1].central) / 15;
    const double uncertainty = std::abs(value - next) + d[k + 1].noise;
    if (uncertainty < slope.uncertainty) {
      slope.value = value;
      slope.uncertainty = uncertainty;
      slope.step = d[k].step;
      slope.left = d[k + 1].left;
      slope.right = d[k + 1].right;
    }
  }
  if (!std::isfinite(slope.uncertainty)) slope.kind = Slope::Kind::kNotFinite;
  return slope;
}

}  // namespace

double relative_difference(double a, double b, double floor) {
  const double difference = std::abs(a - b);
  if (difference == 0) return 0;
  return difference / std::max({std::abs(a), std::abs(b), floor, std::numeric_limits<double>::min()});
}

std::vector<Slope> line_slopes(LineFunction f, const std::vector<double>& f0, const std::vector<double>& expected,
                               const LineOptions& options) {
  const Sides wide = both_sides(f, options.step), narrow = both_sides(f, options.step / 2);
  std::vector<Slope> slopes(f0.size());
  std::vector<std::size_t> open;  // those that need a closer look
  for (std::size_t j = 0; j < f0.size(); ++j) {
    const Differences w = differences(wide, f0[j], j, options.magnitude);
    const Differences n = differences(narrow, f0[j], j, options.magnitude);
    Slope& s = slopes[j];
    s.value = (4 * n.central - w.central) / 3;
    s.left = n.left;
    s.right = n.right;
    s.step = w.step;
    s.uncertainty = n.noise;
    const double error = std::abs(s.value - expected[j]);
    const double scale = std::max({std::abs(s.value), std::abs(expected[j]), options.floor});
    const bool near = error <= options.tolerance * scale + s.uncertainty;  // false for NaN
    if (!near || !w.finite() || !n.finite() || gap_stays(w, n, 0.7)) open.push_back(j);
  }
  if (open.empty()) return slopes;

  std::vector<Sides> sides;
  for (int k = 0; k < kSteps; ++k) sides.push_back(both_sides(f, options.step * std::ldexp(4.0, -2 * k)));
  for (const std::size_t j : open) {
    std::array<Differences, kSteps> d;
    for (std::size_t k = 0; k < kSteps; ++k) d[k] = differences(sides[k], f0[j], j, options.magnitude);
    slopes[j] = from_all_steps(d);
    if (!std::isfinite(f0[j])) slopes[j].kind = Slope::Kind::kNotFinite;
  }
  return slopes;
}

}  // namespace gradus
