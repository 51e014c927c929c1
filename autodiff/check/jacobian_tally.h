// Judges the comparisons of one Jacobian and keeps the worst of them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gradus/autodiff/check/check_gradients.h"
#include "gradus/autodiff/check/line_slopes.h"

namespace gradus {

class JacobianTally {
 public:
  // Writes to `check`; `tolerance` is the allowed relative error.
  JacobianTally(GradientCheck& check, double tolerance) : check_(check), tolerance_(tolerance) {}

  // Returns the verdict. Empty indices stand for random directions.
  Verdict add(const Slope& slope, double analytic, double floor, std::vector<std::int64_t> y_index,
              std::vector<std::int64_t> x_index);
  // Adds what the comparisons say together.
  void finish(bool has_gradient);

 private:
  std::pair<Verdict, std::string> judge(const Slope& slope, double analytic, double floor) const;  // and the reason
  std::string common_factor() const;

  GradientCheck& check_;
  double tolerance_;
  std::int64_t failed_ = 0;
  bool irregular_ = false;  // some values have no ratio: NaN, kinks
  double analytic_squared_ = 0, numeric_squared_ = 0, product_ = 0;
};

}  // namespace gradus
