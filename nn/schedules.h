// Learning-rate schedules: graph nodes that compute the rate from a step counter (global_step()), so that a rate needs no
// feeding and resumes with the counter. `step` is an integer scalar; results are float64 scalars, which the optimisers cast.
// Throws InvalidArgument, "[nn::cosine_decay at train.cc:12] decay_steps must be positive and finite; got 0".
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus::nn {

// values[i] for boundaries[i-1] <= step < boundaries[i]; one more value than boundaries.
Output piecewise_constant(const Output& step, const std::vector<std::int64_t>& boundaries,
                          const std::vector<double>& values, SourceLocation location = SourceLocation::current());
// rate * decay_rate^(step / decay_steps); with staircase the exponent is rounded down.
Output exponential_decay(const Output& step, double rate, double decay_steps, double decay_rate, bool staircase = false,
                         SourceLocation location = SourceLocation::current());
// From rate to final_rate along half a cosine in decay_steps, then final_rate (Loshchilov and Hutter, ICLR 2017, one cycle).
Output cosine_decay(const Output& step, double rate, double decay_steps, double final_rate = 0.0,
                    SourceLocation location = SourceLocation::current());
// rate(step) * min(1, (step + 1) / warmup_steps): a linear start for any schedule.
Output linear_warmup(const Output& step, const Output& rate, double warmup_steps,
                     SourceLocation location = SourceLocation::current());
// Smith and Topin, 2018: linear from max_rate / divide up to max_rate in the first `warmup_fraction` of total_steps, then half
// a cosine down to max_rate / final_divide.
struct OneCycleOptions {
  double max_rate = 0.1;
  double total_steps = 1000;
  double warmup_fraction = 0.3;
  double divide = 25.0;
  double final_divide = 1e4;
};
Output one_cycle(const Output& step, const OneCycleOptions& options,
                 SourceLocation location = SourceLocation::current());

}  // namespace gradus::nn
