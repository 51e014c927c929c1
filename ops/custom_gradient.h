// custom_gradient(): a subgraph whose gradient the user writes. Semantics follow TensorFlow's tf.custom_gradient.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "gradus/graph/forward.h"
#include "gradus/graph/output.h"

namespace gradus {

// The user's gradient: from the inputs, the results and the gradients that arrived for the results (zeros where none
// did) to one gradient per input, of its dtype and shape; an invalid Output means that the input has none.
using CustomBackward = std::function<std::vector<Output>(
    const std::vector<Output>& inputs, const std::vector<Output>& outputs, const std::vector<Output>& grads)>;
using CustomForward = std::function<std::vector<Output>(const std::vector<Output>& inputs)>;

struct CustomGradientAttrs {
  std::int64_t num_outputs = 1;
  // Not an attribute that could be written to a file: a graph read back from JSON computes the same values, and
  // gradients that were built before saving are ordinary nodes in it, but new ones through this node are an error
  // that says so.
  std::shared_ptr<const CustomBackward> backward;
  template <class V>
  void visit(V& v) {
    v("num_outputs", num_outputs, "the first so many operands are the results");
  }
};

// y = forward(x), with dy/dx as `backward` builds it. `forward` runs at once, in the graph of `inputs`. The gradient
// stops at the borders of the subgraph: what `forward` uses beside `inputs` counts as a constant. `backward` runs
// whenever gradients() passes through; what it builds is differentiated like any other graph, so second and higher
// orders follow from its ops (where it uses `outputs`, by way of `backward` again). It must build from its arguments
// only, because check_gradients() calls it in a graph of its own.
//
//   // log(1 + exp(x)) whose gradient does not overflow:
//   Output y = custom_gradient({x}, [](const auto& in) { return std::vector{log(1.0 + exp(in[0]))}; },
//                              [](const auto& in, const auto&, const auto& dy) {
//                                return std::vector{dy[0] * sigmoid(in[0])};
//                              })[0];
//
// Throws InvalidArgument: no inputs, `forward` returns nothing. `backward`'s mistakes are found by gradients().
std::vector<Output> custom_gradient(const std::vector<Output>& inputs, const CustomForward& forward,
                                    CustomBackward backward, At at = {});

}  // namespace gradus
