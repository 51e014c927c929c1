// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011). Element i of a stream is a pure function of (seed, stream, i), so any thread on any device can compute it.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace gradus {

class PhiloxStream {
 public:
  // `seed` is the key; `stream` (for example the number of the run) selects one of 2^64 independent sequences.
  PhiloxStream(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  // Four 32-bit words of block `index`.
  std::array<std::uint32_t, 4> block(std::uint64_t index) const {
    // Four variables, not an array: builds that are not optimised draw in a third of the time.
    std::uint32_t c0 = static_cast<std::uint32_t>(index), c1 = static_cast<std::uint32_t>(index >> 32);
    std::uint32_t c2 = static_cast<std::uint32_t>(stream_), c3 = static_cast<std::uint32_t>(stream_ >> 32);
    std::uint32_t k0 = static_cast<std::uint32_t>(seed_);
    std::uint32_t k1 = static_cast<std::uint32_t>(seed_ >> 32);
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
  double uniform(std::uint64_t i) const {
    const auto b = block(i);
    const std::uint64_t bits = (std::uint64_t{b[0]} << 32 | b[1]) >> 11;
    return static_cast<double>(bits) * 0x1.0p-53;
  }

  // Standard normal by Box and Muller (1958), from the two halves of block i.
  double normal(std::uint64_t i) const {
    const auto b = block(i);
    const double u1 = (static_cast<double>((std::uint64_t{b[0]} << 32 | b[1]) >> 11) + 1.0) * 0x1.0p-53;  // (0, 1]
    const double u2 = static_cast<double>((std::uint64_t{b[2]} << 32 | b[3]) >> 11) * 0x1.0p-53;
    return std::sqrt(-2.0 * std::log(u1)) * std::cos(6.283185307179586 * u2);
  }

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
};

// Spreads a 64-bit value over all bits (the finaliser of SplitMix64); combines seeds with node identities.
inline std::uint64_t mix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace gradus
