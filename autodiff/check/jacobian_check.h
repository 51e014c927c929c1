// Compares the Jacobians of one y with finite differences; the working half of check_gradients().
#pragma once

#include <vector>

#include "gradus/autodiff/check/check_gradients.h"

namespace gradus {

// What is compared. Every x is among the feeds (so that it can be moved), and every floating tensor is float64.
struct JacobianJob {
  struct Input {
    Output x;
    Output gradient;       // (dy/dx)^T grad_y as gradients() built it; invalid for "none"
    std::size_t feed = 0;  // position of x in `feeds`
    GradientCheck check;   // y, x, order and dtype are filled in
  };
  Output y;
  Output grad_y;  // the placeholder that the gradients start from
  Feeds feeds;    // without grad_y; tensors are of the job's own
  std::vector<Input> inputs;
};

// Fills the rest of every input's check.
void compare_jacobians(Session& session, JacobianJob& job, const CheckOptions& options);

}  // namespace gradus
