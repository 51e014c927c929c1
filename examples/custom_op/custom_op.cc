// An op of one's own, outside of Gradus' tree: Swish, y = x * sigmoid(beta * x) (Ramachandran et al., 2017), with an attribute, a
// shape function, a kernel and a gradient, registered by the same public calls that the built-in ops use.
// Prints y at three points and the report of the numeric gradient check of orders 1 and 2; takes a few milliseconds.
#include <cmath>
#include <iostream>

#include <gradus/core/kernel.h>
#include <gradus/gradus.h>

#include "../common/program.h"

namespace gd = gradus;

struct SwishAttrs {
  double beta = 1.0;
  template <class V>
  void visit(V& v) {
    v("beta", beta, "steepness of the gate");
  }
};

void swish_shape(gd::ShapeContext& c) {
  c.require_floating(0, "x");
  c.set_output(0, c.input_dtype(0), c.input_shape(0));
}

void swish_kernel(gd::KernelContext& c) {
  const double beta = c.attrs<SwishAttrs>().beta;
  gd::visit_floating(c.input(0).dtype(), [&]<class T>(gd::TypeTag<T>) {
    const T* x = c.input(0).data<T>();
    T* y = c.output(0).data<T>();
    c.parallel_for(c.input(0).num_elements(), 4096, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const double value = static_cast<double>(x[i]);
        y[i] = static_cast<T>(value / (1.0 + std::exp(-beta * value)));
      }
    });
  });
}

// dy/dx = s + beta * y * (1 - s) with s = sigmoid(beta * x): built from ops that have gradients, so any order works.
void swish_gradient(gd::GradientContext& c) {
  const double beta = c.attrs<SwishAttrs>().beta;
  const gd::Output s = gd::sigmoid(beta * c.input(0));
  c.set(0, c.grad() * (s + beta * c.output() * (1.0 - s)));
}

gd::Output swish(const gd::Output& x, const SwishAttrs& attrs = {}, gd::At at = {}) {
  return gd::add_op("Swish", {x}, attrs, at);
}

int demonstrate() {
  gd::op_registry().add({.name = "Swish",
                         .inputs = {"x"},
                         .outputs = {"y"},
                         .shape = swish_shape,
                         .attrs = SwishAttrs{},
                         .summary = "y = x * sigmoid(beta * x)",
                         .inplace_inputs = {0}});
  gd::kernel_registry().add("Swish", "cpu", gd::kFloating, swish_kernel);
  gd::kernel_registry().add("Swish", "ref", gd::kFloating, swish_kernel);
  gd::gradient_registry().add("Swish", swish_gradient);

  gd::Graph graph;
  const gd::Output x = gd::placeholder(graph, gd::DType::kFloat64, {3}, "x");
  const gd::Output y = swish(x, {.beta = 1.5}, "y");
  gd::Session session(graph);
  std::cout << session.run({{x, gd::Tensor::from<double>({-1.0, 0.0, 2.0})}}, {y})[0] << '\n';
  const gd::GradientReport report = gd::check_gradients(gd::reduce_sum(y * y), {x}, {.order = 2, .seed = 1});
  std::cout << report << '\n';
  return report.ok() ? 0 : 1;
}

int main(int argc, char** argv) {
  return example::run(argc, argv, "custom_op", "Registers an op of its own, runs it and checks its gradient.",
                      demonstrate);
}
