// Initial values of variables, as graph nodes: they are drawn when a session first needs the variable, from the session's seed.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "gradus/graph/graph.h"

namespace gradus::nn {

// Makes the node of an initial value of `shape` (fully known). Cheap to copy.
using Initializer = std::function<Output(Graph& graph, DType dtype, const Shape& shape)>;

// fan_in and fan_out of a weight: [in, out] for dense layers; [rows, columns, in, out] for convolutions, where both count the
// taps; a vector's length for both otherwise.
struct Fans {
  double in = 1, out = 1;
};
Fans fans_of(const Shape& shape);

Initializer zeros();
Initializer ones();
Initializer constant(double value);
Initializer uniform(double low, double high);  // [low, high)
Initializer normal(double mean = 0.0, double stddev = 0.05);
Initializer truncated_normal(double mean = 0.0, double stddev = 0.05);  // redrawn beyond 2 standard deviations
// Glorot and Bengio, AISTATS 2010: variance 2 / (fan_in + fan_out).
Initializer glorot_uniform();
Initializer glorot_normal();
// He et al., ICCV 2015: variance 2 / fan_in, for relu.
Initializer he_uniform();
Initializer he_normal();
// Saxe et al., ICLR 2014: the rows or columns (whichever are fewer) of the weight, flattened to [product of the leading
// dimensions, last dimension], are orthogonal and of length `gain`. Drawn while the graph is built, from `seed` and the number of
// nodes that the graph then has, so that layers of the same shape differ.
Initializer orthogonal(double gain = 1.0, std::uint64_t seed = 1);

}  // namespace gradus::nn
