#include "gradus/ops/random_sampling.h"

#include <cmath>

namespace gradus {

std::uint64_t random_key(const KernelContext& c, std::int64_t seed) {
  return seed == 0 ? c.random_seed_ : mix64(static_cast<std::uint64_t>(seed));
}

PhiloxStream random_stream(const KernelContext& c, std::int64_t seed) {
  return {random_key(c, seed), c.run_number() == nullptr ? 0 : *c.run_number()};
}

std::uint64_t dropout_threshold(double rate) { return static_cast<std::uint64_t>(std::llround(std::ldexp(rate, 32))); }

}  // namespace gradus
