// The one loop behind every element-wise op: y[i] = f(x0[i], x1[i], ...), with NumPy's broadcasting. Real numbers are
// computed in float64, integers in int64, so that a formula is written once for all dtypes.
#pragma once

#include <cstdint>
#include <type_traits>

#include "gradus/backends/common/compute.h"
#include "gradus/core/kernel.h"
#include "gradus/core/wrapping.h"

namespace gradus::reference {

using common::Wide;

// Which element of a tensor of shape `from` meets element i of the shape `to` that it is broadcast to.
inline std::int64_t broadcast_index(const Shape& from, const Shape& to, std::int64_t i) {
  std::int64_t index = 0;
  std::int64_t stride = 1;
  int axis = to.rank();
  for (int own = from.rank() - 1; own >= 0; --own) {
    --axis;
    if (from[own] != 1) index += i % to[axis] * stride;
    stride *= from[own];
    i /= to[axis];
  }
  return index;
}

// f(x0, x1, ...), or f(x0, x1, ..., c) to see the op's attributes; a bool result makes a bool tensor.
template <int operands, class F, class T>
void run_elementwise(KernelContext& c) {
  const Shape& shape = c.output(0).shape();
  const auto x = [&](int k, std::int64_t i) {
    const Tensor& t = c.input(k);
    return static_cast<Wide<T>>(
        static_cast<const T*>(t.raw())[t.shape() == shape ? i : broadcast_index(t.shape(), shape, i)]);
  };
  const auto call = [&](auto... values) {
    if constexpr (std::is_invocable_v<F, decltype(values)..., KernelContext&>) {
      return F{}(values..., c);
    } else {
      return F{}(values...);
    }
  };
  const auto f = [&](std::int64_t i) {
    if constexpr (operands == 1) return call(x(0, i));
    if constexpr (operands == 2) return call(x(0, i), x(1, i));
    if constexpr (operands == 3) return call(x(0, i), x(1, i), x(2, i));
  };
  using Y = std::conditional_t<std::is_same_v<decltype(f(0)), bool>, bool, T>;
  Y* y = c.output(0).data<Y>();
  for (std::int64_t i = 0; i < c.output(0).num_elements(); ++i) y[i] = static_cast<Y>(f(i));
}

// Kernels for a formula of any dtype, of real numbers only, of integers only.
template <int operands, class F>
KernelFn elementwise(F) {
  return [](KernelContext& c) {
    visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) { run_elementwise<operands, F, T>(c); });
  };
}
template <int operands, class F>
KernelFn real_elementwise(F) {
  return [](KernelContext& c) {
    visit_floating(c.input(0).dtype(), [&]<class T>(TypeTag<T>) { run_elementwise<operands, F, T>(c); });
  };
}
template <int operands, class F>
KernelFn integer_elementwise(F) {
  return [](KernelContext& c) {
    visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      if constexpr (kIntegers.contains(dtype_of<T>)) run_elementwise<operands, F, T>(c);
    });
  };
}

}  // namespace gradus::reference
