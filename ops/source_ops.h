// Source ops (placeholder, constant, variable), state changes (assign and friends) and the ops that join control
// dependencies (group, no_op). Semantics follow TensorFlow 1; page: docs/ops/sources.md.
#pragma once

#include <initializer_list>
#include <vector>

#include "gradus/graph/constant_attrs.h"
#include "gradus/graph/graph.h"

namespace gradus {

struct PlaceholderAttrs {
  DType dtype = DType::kFloat32;
  Shape shape;
  template <class V>
  void visit(V& v) {
    v("dtype", dtype, "element type of the fed tensor");
    v("shape", shape, "shape of the fed tensor; -1 accepts any size");
  }
};

struct VariableAttrs {
  DType dtype = DType::kFloat32;
  Shape shape;
  bool trainable = true;
  template <class V>
  void visit(V& v) {
    v("dtype", dtype, "element type");
    v("shape", shape, "fully known shape");
    v("trainable", trainable, "whether optimisers update it");
  }
};

// A value that every run must feed. -1 in `shape` accepts any size there.
Output placeholder(Graph& graph, DType dtype, const Shape& shape, At at = {});

// The tensor `value`, copied into the graph.
Output constant(Graph& graph, const Tensor& value, At at = {});
// A scalar of the number's own dtype: constant(graph, 3.0f) is float32, 3.0 is float64, 3 is int32, true is bool.
template <HasDType T>
Output constant(Graph& graph, T value, At at = {}) {
  return constant(graph, Tensor::scalar(value), at);
}
// A vector.
template <class T>
Output constant(Graph& graph, const std::vector<T>& values, At at = {}) {
  return constant(graph, Tensor::from(values), at);
}
// The same: constant(graph, {1.0f, 2.0f}).
template <HasDType T>
Output constant(Graph& graph, std::initializer_list<T> values, At at = {}) {
  return constant(graph, Tensor::from(std::vector<T>(values)), at);
}
// A scalar of `dtype`. Throws InvalidArgument where the dtype does not hold the number (core/number.h): 0.5 as an int32, 300
// as a uint8.
Output scalar(Graph& graph, Number value, DType dtype, At at = {});

// State that lives in each session, on its device, from the first run that needs it on. `initial_value` is evaluated once,
// before that run; its shape must be fully known (InvalidArgument otherwise). Added to the collection `variables`, and, when
// trainable, to `trainable_variables`. Reading it in a run gives its value before the run's assignments, or, for a node whose own
// control dependencies need assignments, what the last of these made (docs/sessions.md).
Output variable(const Output& initial_value, At at = {}, bool trainable = true);
Output variable(Graph& graph, const Tensor& initial_value, At at = {}, bool trainable = true);

// var = value, var += value, var -= value; the result is the new value, and stays so whatever the run assigns later. Same shape
// and dtype, else InvalidArgument. Within a run they happen in the order in which they were built.
Output assign(const Output& variable, const Output& value, At at = {});
Output assign_add(const Output& variable, const Output& value, At at = {});
Output assign_sub(const Output& variable, const Output& value, At at = {});

// An operation that is done when all of `operations` are. Throws InvalidArgument for an empty list (use no_op).
Operation group(const std::vector<Operation>& operations, At at = {});
Operation no_op(Graph& graph, At at = {});

// y = x. With a ControlScope around it: x, once those operations are done.
Output identity(const Output& x, At at = {});
// y = x, with no gradient: x counts as a constant.
Output stop_gradient(const Output& x, At at = {});

}  // namespace gradus
