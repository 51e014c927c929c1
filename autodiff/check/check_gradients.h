// check_gradients(): compares the gradients that gradients() builds with finite differences.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "gradus/graph/run/session.h"

namespace gradus {

struct CheckOptions {
  int order = 2;           // 1: gradients; 2: also gradients of gradients; higher orders likewise
  std::uint64_t seed = 0;  // of drawn placeholders, random directions, and random ops
  // Values of placeholders, and of any other output. Placeholders among the xs may be left out: they are drawn.
  Feeds feeds = {};
  double tolerance = 1e-7;         // allowed relative error of order 1
  double tolerance_higher = 1e-5;  // and of the orders above
  // A Jacobian is compared element by element where that takes at most so many runs of the graph (one per element of
  // y, four per element of x); larger ones by random projections <u, J v>.
  int max_runs = 2000;
  int projections = 4;      // random directions per (y, x) of a large Jacobian
  std::string device = "";  // where to compute, "ref:0"; empty: where the graph says
  int num_threads = 1;
};

enum class Verdict {
  kPass,
  kKink,  // differs only where y has a kink: left and right slopes differ, and the gradient lies between them
  kFail,
};
const char* verdict_name(Verdict verdict);  // "pass", "kink", "FAIL"

// A node between x and y whose gradient is wrong by itself, at the values that its operands have here.
struct GradientBlame {
  std::string op, node;  // "Conv2D", "block1/conv"
  std::string file;      // where the user's program added it
  int line = 0;
  std::string operand;  // the operand for which the rule is wrong, "filter"; empty where the node's result is
  std::string made_by;  // of nodes that gradients() made: "the rule of Conv2D for 'block1/conv'"
  std::string reason;   // one sentence
  double gradient = 0, finite_difference = 0;  // of one element of its Jacobian
  std::string to_string()
      const;  // "[Conv2D 'block1/conv' at train.cc:31] the rule of Conv2D is wrong for 'filter': ..."
};

// The comparison of one Jacobian dy/dx.
struct GradientCheck {
  // The name of the checked output, or "loss" (a scalar) or "y" where its program gave it none; from order 2 on
  // "d(loss)/d(image)".
  std::string y;
  std::string x;  // "image", or "grad_y(loss)" for the gradient that comes in
  int order = 1;
  DType dtype = DType::kFloat64;  // of x in the user's graph; the computation is in float64
  bool full = true;               // the whole Jacobian, or random projections
  std::int64_t compared = 0;      // elements of the Jacobian, or projections
  std::int64_t kinks = 0;         // of them at a kink
  Verdict verdict = Verdict::kPass;
  std::string reason = {};  // why not kPass; also "no gradient and no influence"

  // The worst comparison: d y[y_index] / d x[x_index]. y_index is empty where a random combination of y was taken,
  // x_index where a random direction in x was.
  std::vector<std::int64_t> y_index = {}, x_index = {};
  double analytic = 0;  // from gradients()
  double numeric = 0;   // from finite differences
  double absolute_error = 0;
  double relative_error = 0;  // to the larger of both values, but at least to a hundredth of the Jacobian's largest
  double step = 0;            // the change of x that was used

  // Of a failed check, from y to x: the nodes that are to blame. Empty where every rule on the path is right by itself.
  std::vector<GradientBlame> to_blame = {};
};

struct GradientReport {
  std::vector<GradientCheck> checks;
  // What "loss", "y" and automatic names of xs stand for, one line each: "loss: [Mean 'Mean_3' at train.cc:31]".
  std::vector<std::string> names = {};
  bool ok() const;  // no check has failed (kinks are no failures)
  // The failed one, or the one of the largest relative error; nullptr without checks.
  const GradientCheck* worst() const;
  std::string to_string() const;  // a line of at most 120 characters per check, more lines for a failed one
  std::string to_json() const;
};
std::ostream& operator<<(std::ostream& out, const GradientReport& report);

// Checks d(loss)/dx for every x, and from order 2 on the derivatives of those gradients with respect to every x and
// to the gradient that comes in. `loss` may have any shape and need not be a loss.
//
// xs are floating outputs. A placeholder among them takes its value from options.feeds or is drawn from the standard
// normal distribution by the seed; variables have their initial values; any other output is computed once, then moved
// by itself. The graph is not changed: the part that loss needs is copied into a graph of its own in which every
// floating dtype is float64 (control dependencies are left out, so that a check has no side effects). Derivatives are
// central differences with Richardson's extrapolation; where these disagree with the gradient, a row of wider and
// narrower steps is tried, as the size of x suggests, and the one with the smallest error estimate counts. A NaN or
// infinity on either side is a failure.
//
// After a failure, the rule of every node on the path from y to x is compared with finite differences of that node alone:
// GradientCheck::to_blame names those that are wrong. A check that passes does none of this.
//
// Throws InvalidArgument: loss or xs invalid, not floating, of different graphs; a placeholder without value; a value
// of a wrong shape or dtype. An op without a gradient is a failed check with gradients()'s text as its reason.
GradientReport check_gradients(const Output& loss, const std::vector<Output>& xs, const CheckOptions& options = {},
                               SourceLocation location = SourceLocation::current());

}  // namespace gradus
