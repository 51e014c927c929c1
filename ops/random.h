// Random tensors and dropout. All draw from Philox4x32-10 (core/philox.h): element i is a function of the session's seed, the
// node, the number of the run and i, so the same session seed gives the same bits for every device, thread count and order of
// evaluation, and every run gives new values. A `seed` attribute other than 0 takes the place of session seed and node.
// Page: docs/ops/random.md.
#pragma once

#include <vector>

#include "gradus/graph/forward.h"

namespace gradus {

struct RandomUniformAttrs {
  DType dtype = DType::kFloat32;
  double low = 0.0;
  double high = 1.0;
  std::int64_t seed = 0;
  template <class V>
  void visit(V& v) {
    v("dtype", dtype, kFloatingNames);
    v("low", low, "smallest value");
    v("high", high, "upper end, excluded");
    v("seed", seed, "0: from the session's seed and the node");
  }
};

// Of RandomNormal and TruncatedNormal.
struct RandomNormalAttrs {
  DType dtype = DType::kFloat32;
  double mean = 0.0;
  double stddev = 1.0;
  std::int64_t seed = 0;
  template <class V>
  void visit(V& v) {
    v("dtype", dtype, kFloatingNames);
    v("mean", mean, "mean before truncation");
    v("stddev", stddev, "standard deviation before truncation, not negative");
    v("seed", seed, "0: from the session's seed and the node");
  }
};

struct DropoutAttrs {
  double rate = 0.5;
  std::int64_t seed = 0;
  template <class V>
  void visit(V& v) {
    v("rate", rate, "probability that an element becomes 0, in [0, 1)");
    v("seed", seed, "0: from the session's seed and the node");
  }
};

// Uniform in [low, high). `shape` is an int32 or int64 vector. Throws InvalidArgument unless low < high, both
// finite with a finite distance, and dtype is floating.
Output random_uniform(const Output& shape, const RandomUniformAttrs& attrs = {}, At at = {});
Output random_uniform(Graph& graph, const std::vector<std::int64_t>& shape, const RandomUniformAttrs& attrs = {},
                      At at = {});

// Normal with this mean and standard deviation (Box and Muller). `shape` as above. Throws InvalidArgument unless both are finite,
// stddev is not negative and dtype is floating.
Output random_normal(const Output& shape, const RandomNormalAttrs& attrs = {}, At at = {});
Output random_normal(Graph& graph, const std::vector<std::int64_t>& shape, const RandomNormalAttrs& attrs = {},
                     At at = {});

// Normal, redrawn where it falls 2 or more standard deviations from the mean.
Output truncated_normal(const Output& shape, const RandomNormalAttrs& attrs = {}, At at = {});
Output truncated_normal(Graph& graph, const std::vector<std::int64_t>& shape, const RandomNormalAttrs& attrs = {},
                        At at = {});

// y = x * mask, where an element of mask is 0 with probability `rate` and 1 / (1 - rate) otherwise, so that the expected value
// of y is x (Srivastava et al., JMLR 2014, in the inverted form). The gradient uses the same mask. Throws InvalidArgument for a
// rate outside [0, 1).
Output dropout(const Output& x, const DropoutAttrs& attrs, At at = {});
Output dropout(const Output& x, double rate, At at = {});

}  // namespace gradus
