// How element i of a random tensor is drawn, the same for every backend: the same (seed, node, run, element) gives the same bits whatever
// the device and the number of threads. A GPU compiles these too: they need the standard library and headers without fmt.
#pragma once

#include <cmath>
#include <cstdint>

#include "gradus/core/kernel.h"
#include "gradus/core/normal.h"
#include "gradus/core/philox.h"
#include "gradus/ops/random.h"

namespace gradus {

// The seed of a random op's stream: from the session's seed and the node, or from the op's own `seed` where that is not 0. The stream is
// that of the run's number.
std::uint64_t random_key(const KernelContext& c, std::int64_t seed);
// The stream itself, for kernels that run where the host's pointers hold.
PhiloxStream random_stream(const KernelContext& c, std::int64_t seed);

// Element i of each op is finished<T>(stream, i, number(uniforms(stream, i))). The first two are simple enough for loops over them to be
// vectorised. (Where a function calls sqrt it is a template, because clang takes no other constexpr one.)
struct UniformElement {
  double low, high;
  explicit UniformElement(const RandomUniformAttrs& attrs) : low(attrs.low), high(attrs.high) {}
  static constexpr PhiloxStream::Pair uniforms(const PhiloxStream& stream, std::uint64_t i) {
    return {1, stream.uniform(i)};
  }
  constexpr double number(const PhiloxStream::Pair& u) const { return low + (high - low) * u.other; }
  template <class T>
  constexpr T finished(const PhiloxStream&, std::uint64_t, double x) const {
    const T value = static_cast<T>(x);
    // Rounding to a narrow dtype may reach `high`, which the half-open interval excludes; those few go to the other end.
    return static_cast<double>(value) < high ? value : static_cast<T>(low);
  }
};

struct NormalElement {
  double mean, stddev;
  explicit NormalElement(const RandomNormalAttrs& attrs) : mean(attrs.mean), stddev(attrs.stddev) {}
  static constexpr PhiloxStream::Pair uniforms(const PhiloxStream& stream, std::uint64_t i) {
    return stream.uniform_pair(i);
  }
  template <class Pair>
  static constexpr double number(const Pair& u) {
    return formulas::box_muller(u.positive, u.other);
  }
  template <class T>
  constexpr T finished(const PhiloxStream&, std::uint64_t, double z) const {
    return static_cast<T>(mean + stddev * z);
  }
};

struct TruncatedNormalElement : NormalElement {
  using NormalElement::NormalElement;
  template <class T>
  constexpr T finished(const PhiloxStream& stream, std::uint64_t i, double z) const {
    // Attempt j of element i uses block i + 2^48 j. One attempt in 22 fails, so 2^16 of them never do.
    for (std::uint64_t attempt = 1; std::abs(z) >= 2 && attempt < 65536; ++attempt)
      z = number(uniforms(stream, i + (attempt << 48)));
    return NormalElement::finished<T>(stream, i, z);
  }
};

// The number of the 2^32 values of a random word that mean "drop" at this rate: element i of Dropout is dropped when word i % 4
// of block i / 4 is below it.
std::uint64_t dropout_threshold(double rate);

}  // namespace gradus
