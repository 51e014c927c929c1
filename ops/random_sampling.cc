#include "gradus/ops/random_sampling.h"

#include <cmath>

#include "gradus/ops/random.h"

namespace gradus {
namespace {

template <class Draw>
void fill(KernelContext& c, std::int64_t begin, std::int64_t end, Draw draw) {
  visit_floating(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    T* out = c.output(0).data<T>();
    for (std::int64_t i = begin; i < end; ++i) out[i] = draw(TypeTag<T>{}, static_cast<std::uint64_t>(i));
  });
}

}  // namespace

PhiloxStream random_stream(const KernelContext& c, std::int64_t seed) {
  if (seed == 0) return c.random();
  return {mix64(static_cast<std::uint64_t>(seed)), *c.run_number()};
}

void sample_uniform(KernelContext& c, std::int64_t begin, std::int64_t end) {
  const auto& attrs = c.attrs<RandomUniformAttrs>();
  const PhiloxStream stream = random_stream(c, attrs.seed);
  fill(c, begin, end, [&]<class T>(TypeTag<T>, std::uint64_t i) {
    const T value = static_cast<T>(attrs.low + (attrs.high - attrs.low) * stream.uniform(i));
    // Rounding to a narrow dtype may reach `high`, which the half-open interval excludes; those few go to the other end.
    return static_cast<double>(value) < attrs.high ? value : static_cast<T>(attrs.low);
  });
}

void sample_normal(KernelContext& c, std::int64_t begin, std::int64_t end) {
  const auto& attrs = c.attrs<RandomNormalAttrs>();
  const PhiloxStream stream = random_stream(c, attrs.seed);
  fill(c, begin, end, [&]<class T>(TypeTag<T>, std::uint64_t i) {
    return static_cast<T>(attrs.mean + attrs.stddev * stream.normal(i));
  });
}

void sample_truncated_normal(KernelContext& c, std::int64_t begin, std::int64_t end) {
  const auto& attrs = c.attrs<RandomNormalAttrs>();
  const PhiloxStream stream = random_stream(c, attrs.seed);
  fill(c, begin, end, [&]<class T>(TypeTag<T>, std::uint64_t i) {
    // Attempt j of element i uses block i + 2^48 j. One attempt in 22 fails, so 2^16 of them never do.
    double z = stream.normal(i);
    for (std::uint64_t attempt = 1; std::abs(z) >= 2.0 && attempt < 65536; ++attempt)
      z = stream.normal(i + (attempt << 48));
    return static_cast<T>(attrs.mean + attrs.stddev * z);
  });
}

std::uint64_t dropout_threshold(double rate) { return static_cast<std::uint64_t>(std::llround(std::ldexp(rate, 32))); }

}  // namespace gradus
