// Ops with planted mistakes, for the tests of those who must find them.
#pragma once

#include "gradus/autodiff/gradient_registry.h"
#include "gradus/core/kernel.h"
#include "gradus/graph/op_registry.h"

namespace gradus {

inline void shape_of_first(ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(0)); }

// y = f(x), element by element in float64, for operands of one shape. Registers the op and a kernel on both host backends.
inline void register_test_op(const std::string& name, std::vector<std::string> operands, KernelFn kernel) {
  op_registry().add({.name = name,
                     .inputs = std::move(operands),
                     .outputs = {"y"},
                     .shape = shape_of_first,
                     .summary = "For tests."});
  for (const char* device : {"ref", "cpu"}) kernel_registry().add(name, device, kFloating, kernel);
}

template <double (*f)(double)>
void unary_test_kernel(KernelContext& c) {
  for (std::int64_t i = 0; i < c.output(0).num_elements(); ++i) c.output(0).set(i, f(c.input(0).at(i)));
}

template <double (*f)(double, double)>
void binary_test_kernel(KernelContext& c) {
  for (std::int64_t i = 0; i < c.output(0).num_elements(); ++i)
    c.output(0).set(i, f(c.input(0).at(i), c.input(1).at(i)));
}

}  // namespace gradus
