#include "gradus/nn/schedules.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"

namespace gradus::nn {
namespace {

void check_step(const Place& place, const Output& step) {
  place.check_defined("step", step);
  if (is_integer(step.dtype()) && step.shape().rank() == 0) return;
  place.fail(fmt::format("step must be an integer scalar, such as nn::global_step(graph); '{}' is {} {}", step.name(),
                         dtype_name(step.dtype()), step.shape().to_string()));
}

void check_finite(const Place& place, const char* what, double value) {
  if (!std::isfinite(value)) place.fail(fmt::format("{} must be finite; got {}", what, value));
}

Output real_step(const Output& step) { return cast(step, DType::kFloat64); }

// high at fraction 0, low at fraction 1, and outside constant.
Output half_cosine(const Output& fraction, double high, double low) {
  const Output inside = clip_by_value(fraction, 0.0, 1.0);
  return low + (high - low) * 0.5 * (1.0 + cos(std::numbers::pi * inside));
}

}  // namespace

Output piecewise_constant(const Output& step, const std::vector<std::int64_t>& boundaries,
                          const std::vector<double>& values, SourceLocation location) {
  const Place place("piecewise_constant", location);
  check_step(place, step);
  if (values.size() != boundaries.size() + 1) {
    place.fail(
        fmt::format("needs one more value than boundaries (the rate before the first); got {} values, {} boundaries",
                    values.size(), boundaries.size()));
  }
  for (const double value : values) check_finite(place, "a value", value);
  for (std::size_t i = 1; i < boundaries.size(); ++i) {
    if (boundaries[i] <= boundaries[i - 1]) {
      place.fail(
          fmt::format("boundaries must increase; boundary {} is {} after {}", i, boundaries[i], boundaries[i - 1]));
    }
  }
  const NameScope scope(step.graph(), "piecewise_constant");
  const Output s = real_step(step);
  Output rate = scalar(step.graph(), values[0], DType::kFloat64);
  for (std::size_t i = 0; i < boundaries.size(); ++i) {
    rate = where(less(s, static_cast<double>(boundaries[i])), rate, values[i + 1]);
  }
  return rate;
}

Output exponential_decay(const Output& step, double rate, double decay_steps, double decay_rate, bool staircase,
                         SourceLocation location) {
  const Place place("exponential_decay", location);
  check_step(place, step);
  check_finite(place, "rate", rate);
  place.check_positive("decay_steps", decay_steps);
  place.check_positive("decay_rate", decay_rate);
  const NameScope scope(step.graph(), "exponential_decay");
  const Output s = real_step(step) / decay_steps;
  const Output exponent = staircase ? cast(cast(s, DType::kInt64), DType::kFloat64) : s;
  return rate * pow(decay_rate, exponent);
}

Output cosine_decay(const Output& step, double rate, double decay_steps, double final_rate, SourceLocation location) {
  const Place place("cosine_decay", location);
  check_step(place, step);
  check_finite(place, "rate", rate);
  place.check_positive("decay_steps", decay_steps);
  check_finite(place, "final_rate", final_rate);
  const NameScope scope(step.graph(), "cosine_decay");
  return half_cosine(real_step(step) / decay_steps, rate, final_rate);
}

Output linear_warmup(const Output& step, const Output& rate, double warmup_steps, SourceLocation location) {
  const Place place("linear_warmup", location);
  check_step(place, step);
  place.check_defined("rate", rate);
  place.check_same_graph(step, rate);
  if (rate.shape().rank() != 0 || rate.dtype() != DType::kFloat64) {
    place.fail(fmt::format("rate must be a float64 scalar, such as another schedule's; '{}' is {} {}", rate.name(),
                           dtype_name(rate.dtype()), rate.shape().to_string()));
  }
  place.check_positive("warmup_steps", warmup_steps);
  const NameScope scope(step.graph(), "linear_warmup");
  return rate * minimum((real_step(step) + 1.0) / warmup_steps, 1.0);
}

Output one_cycle(const Output& step, const OneCycleOptions& o, SourceLocation location) {
  const Place place("one_cycle", location);
  check_step(place, step);
  check_finite(place, "max_rate", o.max_rate);
  place.check_positive("total_steps", o.total_steps);
  place.check_positive("divide", o.divide);
  place.check_positive("final_divide", o.final_divide);
  if (!(o.warmup_fraction > 0.0 && o.warmup_fraction < 1.0)) {
    place.fail(fmt::format("warmup_fraction must be in (0, 1); got {}", o.warmup_fraction));
  }
  const NameScope scope(step.graph(), "one_cycle");
  const Output s = real_step(step);
  const double peak = o.warmup_fraction * o.total_steps;
  const double low = o.max_rate / o.divide;
  const Output rising = low + (o.max_rate - low) / peak * s;
  const Output falling = half_cosine((s - peak) / (o.total_steps - peak), o.max_rate, o.max_rate / o.final_divide);
  return where(less(s, peak), rising, falling);
}

}  // namespace gradus::nn
