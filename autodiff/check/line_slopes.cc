#include "gradus/autodiff/check/line_slopes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace gradus {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// Values on both sides of 0 at one step.
struct Sides {
  double step = 0;
  std::vector<double> plus, minus;
};

// One function's slopes at one step.
struct Differences {
  double step, left, right, central;
  double noise;    // an upper estimate: some units of rounding error of f's largest intermediate result
  double certain;  // a lower one: one unit of f itself, or of an intermediate result of ordinary size
  bool finite() const { return std::isfinite(left) && std::isfinite(right); }
  double gap() const { return std::abs(right - left); }
  double steepest() const { return std::max(std::abs(left), std::abs(right)); }
};

Sides both_sides(LineFunction f, double step) { return {step, f(step), f(-step)}; }

Differences differences(const Sides& s, double f0, std::size_t j, double magnitude) {
  const double plus = s.plus[j], minus = s.minus[j];
  const double size = std::max(std::abs(plus), std::abs(minus));
  return {.step = s.step,
          .left = (f0 - minus) / s.step,
          .right = (plus - f0) / s.step,
          .central = (plus - minus) / (2 * s.step),
          .noise = 16 * kEpsilon * std::max(size, magnitude) / s.step,
          .certain = kEpsilon * std::max(size, std::min(magnitude, 1.0)) / s.step};
}

// Slopes of a smooth f approach each other in proportion to the step; at a kink they do not.
bool gap_stays(const Differences& wide, const Differences& narrow, double share) {
  return narrow.gap() > share * wide.gap() && narrow.gap() > 1e-3 * narrow.steepest() &&
         narrow.gap() > 100 * narrow.noise;
}

bool is_jump(const Differences& a, const Differences& b, const Differences& c) {
  return std::abs(c.central) > 3 * std::abs(b.central) && std::abs(b.central) > 3 * std::abs(a.central) &&
         std::abs(c.central) > 100 * c.noise;
}

// By how much f itself scatters: at the narrowest steps, slopes differ by rounding errors only. An intermediate result
// may be huge without any influence (a mask of -1e9), so its size alone excuses nothing.
double scatter(const std::vector<Differences>& d) {
  double largest = 0;
  for (std::size_t k = d.size() - 4; k + 1 < d.size(); ++k) {
    largest = std::max(largest, std::abs(d[k].central - d[k + 1].central) * d[k + 1].step);
  }
  return largest;
}

// d has at least 4 steps, the widest first.
Slope from_all_steps(const std::vector<Differences>& d) {
  const std::size_t end = d.size() - 1;
  const Differences& last = d[end];
  Slope slope = {.value = last.central, .left = last.left, .right = last.right, .step = last.step};
  if (!last.finite() || !d[end - 1].finite()) {
    slope.kind = Slope::Kind::kNotFinite;
    return slope;
  }
  if (d[end - 2].finite()) {
    if (is_jump(d[end - 2], d[end - 1], last)) {
      slope.kind = Slope::Kind::kJump;
      return slope;
    }
    if (gap_stays(d[end - 2], d[end - 1], 0.5) && gap_stays(d[end - 1], last, 0.5)) {
      slope.kind = Slope::Kind::kKink;
      return slope;
    }
  }
  // Extrapolation from t and t/4: (16 D(t/4) - D(t)) / 15.
  double narrower = last.central;
  slope.uncertainty = std::numeric_limits<double>::infinity();
  for (std::size_t k = end; k-- > 0 && d[k].finite();) {
    const double value = (16 * d[k + 1].central - d[k].central) / 15;
    if (std::abs(value - slope.value) > slope.uncertainty + d[k + 1].noise) break;
    const double uncertainty = std::abs(value - narrower) + d[k + 1].noise;
    narrower = value;
    if (uncertainty >= slope.uncertainty) continue;
    const double rounding = std::min(d[k + 1].noise / 8, 4 * scatter(d) / d[k + 1].step);
    slope = {.value = value,
             .left = d[k + 1].left,
             .right = d[k + 1].right,
             .step = d[k].step,
             .uncertainty = uncertainty,
             .noise = std::max(d[k + 1].certain, rounding)};
  }
  return slope;
}

std::vector<Sides> row_of_steps(LineFunction f, const LineOptions& options) {
  std::vector<Sides> sides;
  for (double t = options.widest; t >= options.narrowest || sides.size() < 4; t /= 4) sides.push_back(both_sides(f, t));
  return sides;
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
    s.noise = n.certain;
    const double error = std::abs(s.value - expected[j]);
    const double scale = std::max({std::abs(s.value), std::abs(expected[j]), options.floor});
    // Rounding errors count as agreement only where a much wider step could not tell more. False for NaN.
    const bool near = error <= options.tolerance * scale || (error <= s.noise && 16 * options.step >= options.widest);
    if (!near || !w.finite() || !n.finite() || gap_stays(w, n, 0.7)) open.push_back(j);
  }
  if (open.empty()) return slopes;

  const std::vector<Sides> sides = row_of_steps(f, options);
  for (const std::size_t j : open) {
    std::vector<Differences> d;
    for (const Sides& s : sides) d.push_back(differences(s, f0[j], j, options.magnitude));
    slopes[j] = from_all_steps(d);
    if (!std::isfinite(f0[j])) slopes[j].kind = Slope::Kind::kNotFinite;
  }
  return slopes;
}

}  // namespace gradus
