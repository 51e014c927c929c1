// How element i of a random tensor is drawn. Compiled once and called by every host backend, so that the same (seed, node, run,
// element) gives the same bits whatever the device and the number of threads.
#pragma once

#include <cstdint>

#include "gradus/core/kernel.h"
#include "gradus/core/philox.h"

namespace gradus {

// The stream of a random op in this run: from the session's seed and the node, or from the op's own `seed` where that is not 0.
PhiloxStream random_stream(const KernelContext& c, std::int64_t seed);

// Elements [begin, end) of output 0, which is the whole result of RandomUniform, RandomNormal or TruncatedNormal.
void sample_uniform(KernelContext& c, std::int64_t begin, std::int64_t end);
void sample_normal(KernelContext& c, std::int64_t begin, std::int64_t end);
void sample_truncated_normal(KernelContext& c, std::int64_t begin, std::int64_t end);

// The number of the 2^32 values of a random word that mean "drop" at this rate: element i of Dropout is dropped when word i % 4
// of block i / 4 is below it.
std::uint64_t dropout_threshold(double rate);

}  // namespace gradus
