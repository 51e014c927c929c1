#include "gradus/autodiff/check/jacobian_tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gradus {

Verdict JacobianTally::add(const Slope& slope, double analytic, double floor, std::vector<std::int64_t> y_index,
                           std::vector<std::int64_t> x_index) {
  auto [verdict, reason] = judge(slope, analytic, floor);
  const double relative = relative_difference(analytic, slope.value, floor);
  ++check_.compared;
  if (verdict == Verdict::kKink) ++check_.kinks;
  if (verdict == Verdict::kFail) ++failed_;
  if (slope.kind == Slope::Kind::kSmooth && std::isfinite(analytic)) {
    analytic_squared_ += analytic * analytic;
    numeric_squared_ += slope.value * slope.value;
    product_ += analytic * slope.value;
  } else if (verdict == Verdict::kFail) {
    irregular_ = true;
  }
  const bool larger = !std::isnan(check_.relative_error) && !(relative <= check_.relative_error);  // NaN is the largest
  // A failed element tells more than a failed direction.
  const bool names_more = verdict == Verdict::kFail && check_.x_index.empty() && !x_index.empty();
  const bool names_less = verdict == Verdict::kFail && !check_.x_index.empty() && x_index.empty();
  const bool worse = verdict == check_.verdict && (names_more || (larger && !names_less));
  if (check_.compared == 1 || verdict > check_.verdict || worse) {
    check_.verdict = verdict;
    check_.reason = std::move(reason);
    check_.y_index = std::move(y_index);
    check_.x_index = std::move(x_index);
    check_.analytic = analytic;
    check_.numeric = slope.value;
    check_.absolute_error = std::abs(analytic - slope.value);
    check_.relative_error = relative;
    check_.step = slope.step;
  }
  return verdict;
}

void JacobianTally::finish(bool has_gradient) {
  if (check_.verdict == Verdict::kFail && !has_gradient) {
    check_.reason = "gradients() returned none, but y changes with x";
  } else if (check_.verdict == Verdict::kFail && !irregular_) {
    check_.reason += common_factor();
  } else if (check_.verdict == Verdict::kPass && !has_gradient) {
    check_.reason = "no gradient, and y does not change with x";
  }
  if (check_.verdict == Verdict::kFail && check_.compared > 1) {
    check_.reason += fmt::format("; {} of {} comparisons fail", failed_, check_.compared);
  }
}

std::pair<Verdict, std::string> JacobianTally::judge(const Slope& slope, double analytic, double floor) const {
  if (!std::isfinite(analytic)) return {Verdict::kFail, fmt::format("the gradient is {}", analytic)};
  const double scale = std::max({std::abs(analytic), std::abs(slope.value), floor});
  const double allowed = tolerance_ * scale;
  const double error = std::abs(analytic - slope.value);
  switch (slope.kind) {
    case Slope::Kind::kNotFinite: return {Verdict::kFail, "y is not finite at this x, or beside it"};
    case Slope::Kind::kJump: return {Verdict::kKink, "y jumps at this x"};
    case Slope::Kind::kKink: {
      const std::string kink =
          fmt::format("y has a kink at this x: slope {:.6g} to the left, {:.6g} to the right", slope.left, slope.right);
      const double low = std::min(slope.left, slope.right), high = std::max(slope.left, slope.right);
      const double slack = std::max(allowed, 1e-4 * (high - low));
      if (analytic >= low - slack && analytic <= high + slack) return {Verdict::kKink, kink};
      return {Verdict::kFail, kink + "; the gradient lies outside of both"};
    }
    case Slope::Kind::kSmooth: break;
  }
  // An uncertain numeric value excuses a little, but never hides a wrong gradient.
  if (error <= allowed + std::min(slope.uncertainty, 100 * allowed) || error <= slope.noise) {
    return {Verdict::kPass, ""};
  }
  std::string reason = "the gradient differs from the finite difference";
  if (slope.uncertainty > 0.1 * error) reason += fmt::format(" (which is uncertain by {:.1e})", slope.uncertainty);
  return {Verdict::kFail, reason};
}

std::string JacobianTally::common_factor() const {
  if (numeric_squared_ <= 0 || analytic_squared_ <= 0) return "";
  const double factor = product_ / numeric_squared_;
  const double rest = analytic_squared_ - factor * product_;
  if (rest > 1e-6 * analytic_squared_ || std::abs(factor - 1) < 1e-4) return "";
  if (std::abs(factor + 1) < 1e-4) return ": it has the wrong sign everywhere";
  return fmt::format(": it is {:.5g} times as large everywhere", factor);
}

}  // namespace gradus
