// Compares the Jacobians of one y with finite differences; the working half of check_gradients().
#pragma once

#include <vector>

#include "gradus/autodiff/check/check_gradients.h"

namespace gradus {

// dy/dx for one x, which is among the feeds, so that it can be moved.
struct Jacobian {
  Output x;
  Output gradient;      // (dy/dx)^T grad_y as gradients() built it; invalid for "none"
  GradientCheck check;  // y, x, order and dtype are filled in
};

// Fills the rest of every check. Every floating tensor is float64. The gradients start from the placeholder `grad_y`, which is not
// among the feeds.
void compare_jacobians(Session& session, const Output& y, const Output& grad_y, const Feeds& feeds,
                       std::vector<Jacobian>& jacobians, const CheckOptions& options);

}  // namespace gradus
