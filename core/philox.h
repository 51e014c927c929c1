// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011). Element i of a stream is a pure function of (seed, stream, i), so any thread on any device can compute it.
#pragma once

#include <array>
#include <cstdint>

namespace gradus {

class PhiloxStream {
 public:
  // `seed` is the key; `stream` (for example the number of the run) selects one of 2^64 independent sequences.
  constexpr PhiloxStream(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  // Four 32-bit words of block `index`.
  constexpr std::array<std::uint32_t, 4> block(std::uint64_t index) const {
    // Four variables, not an array: builds that are not optimised draw in a third of the time.
    std::uint32_t c0 = static_cast<std::uint32_t>(index), c1 = static_cast<std::uint32_t>(index >> 32);
    std::uint32_t c2 = static_cast<std::uint32_t>(stream_), c3 = static_cast<std::uint32_t>(stream_ >> 32);
    std::uint32_t k0 = static_cast<std::uint32_t>(seed_);
    std::uint32_t k1 = static_cast<std::uint32_t>(seed_ >> 32);
#ifndef __CUDACC__
#pragma GCC unroll 10  // so that loops over blocks are vectorised; nvcc does so unasked
#endif
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0;
      const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2;
      c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
      c1 = static_cast<std::uint32_t>(p1);
      c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
      c3 = static_cast<std::uint32_t>(p0);
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    return {c0, c1, c2, c3};
  }

  // Uniform in [0, 1): 53 random bits from block i. One block per element keeps elements independent of each other.
  constexpr double uniform(std::uint64_t i) const {
    const auto b = block(i);
    return fraction(b[0], b[1]);
  }

  // Two such numbers from the two halves of block i, the first in (0, 1].
  struct Pair {
    double positive, other;
  };
  constexpr Pair uniform_pair(std::uint64_t i) const {
    const auto b = block(i);
    return {fraction(b[0], b[1]) + 0x1.0p-53, fraction(b[2], b[3])};
  }

  // Standard normal from the pair of block i (core/normal.h), the same bits on every device. Compiled with the library, and not where it
  // is called: there a product and a sum might be joined into one rounding.
  double normal(std::uint64_t i) const;

 private:
  // The first 53 of these bits, exactly, by halves: processors convert many numbers of 32 bits at once, but not of 64.
  static constexpr double fraction(std::uint32_t high, std::uint32_t low) {
    return static_cast<double>(high) * 0x1.0p-32 +
           static_cast<double>(static_cast<std::int32_t>(low >> 11)) * 0x1.0p-53;
  }

  std::uint64_t seed_;
  std::uint64_t stream_;
};

// Spreads a 64-bit value over all bits (the finaliser of SplitMix64); combines seeds with node identities.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace gradus
