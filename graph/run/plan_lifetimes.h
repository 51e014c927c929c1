// When the memory of a plan's values is in use, in plans whose steps may run at the same time. Internal to graph/.
#pragma once

#include <limits>
#include <vector>

#include "gradus/graph/run/plan.h"

namespace gradus {

// Positions are those of Plan::order.
inline constexpr int kForever = std::numeric_limits<int>::max();

// Which steps have surely finished when another begins: those before it in its stream, those that it waits for, and what comes before them.
class StepOrder {
 public:
  explicit StepOrder(const Plan& plan);

  int num_streams() const { return streams_; }
  int stream(int position) const { return streams_ == 1 ? 0 : stream_of_[at(position)]; }
  // Whether the step at position a has finished when the one at b begins; kForever never has.
  bool before(int a, int b) const {
    return streams_ == 1 ? a < b : a < b && a != kForever && a <= clocks_[at(b * streams_ + stream(a))];
  }

 private:
  int streams_ = 1;
  std::vector<int> stream_of_;  // per position
  std::vector<int>
      clocks_;  // per position and stream: the last position of that stream that has finished before, or -1
};

// The uses of memory: of each value the position that makes it, and in each stream the last that reads or writes it.
class Lifetimes {
 public:
  Lifetimes(const Plan& plan, const StepOrder& order);

  void use(int value, int position);
  void use_forever(int value) { last(value, 0) = kForever; }
  // What uses `value` uses `memory`.
  void add_uses(int memory, int value);

  int num_streams() const { return order_.num_streams(); }
  int first(int value) const { return first_[at(value)]; }
  // In the plan's order, kForever included.
  int last(int value) const;
  // Whether the value has been used for the last time when the step at `position` begins, but for that step itself where it may use it.
  bool ends_before(int value, int position, bool may_use = false) const {
    for (int k = 0; k < order_.num_streams(); ++k) {
      const int used = last_[at(value * order_.num_streams() + k)];
      if (used >= 0 && !order_.before(used, position) && !(may_use && used == position)) return false;
    }
    return true;
  }
  // Whether the two may lie in the same memory: one has been used for the last time before the other is made.
  bool apart(int a, int b) const {
    return order_.num_streams() == 1 || ends_before(a, first(b)) || ends_before(b, first(a));
  }

 private:
  int& last(int value, int stream) { return last_[at(value * order_.num_streams() + stream)]; }

  const StepOrder& order_;
  std::vector<int> first_, last_;
};

}  // namespace gradus
