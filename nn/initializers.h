// Initial values of variables, as graph nodes: they are drawn when a session first needs the variable, from the session's seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

#include "gradus/graph/graph.h"

namespace gradus::nn {

// How many inputs a unit sees (fan_in) and how many units see an input (fan_out).
struct Fans {
  double in = 1, out = 1;
};
// Those of a weight by its shape: [in, out] for dense layers; [rows, columns, in, out] for convolutions, where both count the
// taps; a vector's length for both otherwise. Layers whose weights say it in another way (groups, depthwise and transposed
// convolutions) give their initialisers the fans themselves.
Fans fans_of(const Shape& shape);

// Makes the node of an initial value of `shape` (fully known): a function of (Graph&, DType, const Shape&), or of these and a
// const Fans&. Cheap to copy.
class Initializer {
 public:
  Initializer() = default;
  Initializer(std::nullptr_t) {}  // NOLINT: implicit, as for std::function
  template <class F>
  requires std::is_invocable_r_v<Output, F&, Graph&, DType, const Shape&, const Fans&> Initializer(F function)
      : function_(std::move(function)) {}  // NOLINT
  template <class F>
  requires(!std::is_same_v<F, Initializer> && std::is_invocable_r_v<Output, F&, Graph&, DType, const Shape&>)
      Initializer(F function) {  // NOLINT
    if constexpr (std::is_same_v<F, std::function<Output(Graph&, DType, const Shape&)>>) {
      if (!function) return;
    }
    function_ = [function = std::move(function)](Graph& graph, DType dtype, const Shape& shape, const Fans&) {
      return function(graph, dtype, shape);
    };
  }

  explicit operator bool() const { return function_ != nullptr; }
  Output operator()(Graph& graph, DType dtype, const Shape& shape) const {
    return function_(graph, dtype, shape, fans_of(shape));
  }
  // The same with other fans than the shape tells; empty when this is.
  Initializer with_fans(const Fans& fans) const;

 private:
  std::function<Output(Graph&, DType, const Shape&, const Fans&)> function_;
};

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
