// Which nodes between an x and a y make a gradient wrong; the part of check_gradients() that runs only after a check has failed.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "gradus/autodiff/check/check_gradients.h"

namespace gradus {

// Compares the gradient rule of every node on the way from y back to x with finite differences of that node alone, at the values
// that its operands have in the graph. What one node's comparison says is kept for the next x and y.
class BlameFinder {
 public:
  // `session` runs the float64 graph of the check.
  BlameFinder(Session& session, const CheckOptions& options) : session_(session), options_(options) {}

  // From y to x. `feeds` give the values of placeholders and of x.
  std::vector<GradientBlame> find(const Output& y, const Output& x, const Feeds& feeds);

 private:
  // By operand: what is wrong with the rule; empty where nothing is.
  using Findings = std::map<int, GradientBlame>;
  class Values;
  const Findings& findings_of(Node& node, const Values& values, const Feeds& feeds, const std::set<int>& results);

  Session& session_;
  const CheckOptions& options_;
  std::map<std::pair<const Node*, std::set<int>>, Findings> known_;  // by node and the results that were compared
};

}  // namespace gradus
