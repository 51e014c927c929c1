// The kernel of all element-wise ops: y[i] = f(x0[i], x1[i], ...), with NumPy's broadcasting. Where all operands have the result's
// shape there is nothing to find out; else each element's place in them is counted out by the loops that the plan has kept.
#pragma once

#include <array>
#include <type_traits>
#include <utility>

#include "gradus/backends/common/loop_nest.h"
#include "gradus/backends/cuda/kernels.h"
#include "gradus/backends/formulas/formula.h"

namespace gradus::cuda {

using common::LoopNest;

template <class T, int n>
struct Operands {
  const T* data[n];
};

// A LoopNest as kernels take it, by value.
template <int operands>
struct Loops {
  int size = 0;
  std::int64_t count[LoopNest::kMaxLoops] = {};
  std::int64_t stride[LoopNest::kMaxLoops][operands] = {};

  explicit Loops(const LoopNest& nest) : size(nest.size()) {
    for (int i = 0; i < size; ++i) {
      count[i] = nest[i].count;
      for (int k = 0; k < operands; ++k) stride[i][k] = nest[i].strides[static_cast<std::size_t>(k)];
    }
  }
  // True where element i of the result meets element i of every operand.
  bool is_even() const {
    bool even = size <= 1;
    for (int k = 0; k < operands && size == 1; ++k) even = even && stride[0][k] == 1;
    return even;
  }
};

// Where element i of the result finds those of the operands. Index is as narrow as the counts allow: a division of 64 bits takes
// many times as long as one of 32.
template <class Index, int operands>
__device__ void find_offsets(const Loops<operands>& loops, std::int64_t i, std::int64_t (&offsets)[operands]) {
  Index rest = static_cast<Index>(i);
  for (int loop = loops.size - 1; loop >= 0; --loop) {
    const Index count = static_cast<Index>(loops.count[loop]);
    const Index position = loop > 0 ? rest % count : rest;
    for (int k = 0; k < operands; ++k) offsets[k] += static_cast<std::int64_t>(position) * loops.stride[loop][k];
    if (loop > 0) rest /= count;
  }
}

template <int operands>
__device__ void find_narrow_offsets(const Loops<operands>& loops, std::int64_t i, std::int64_t n,
                                    std::int64_t (&offsets)[operands]) {
  if (n <= 0x7fffffff) {
    find_offsets<std::uint32_t>(loops, i, offsets);
  } else {
    find_offsets<std::uint64_t>(loops, i, offsets);
  }
}

template <class F, class Y, class T, int operands, int... k>
__device__ void compute_element(const F& f, Y* y, const Operands<T, operands>& x,
                                const std::int64_t (&offsets)[operands], std::int64_t i,
                                std::integer_sequence<int, k...>) {
  y[i] = static_cast<Y>(f(static_cast<Compute<T>>(x.data[k][offsets[k]])...));
}

template <class F, class Y, class T, int operands>
__global__ void elementwise_even(Y* y, Operands<T, operands> x, std::int64_t n, F f) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    std::int64_t offsets[operands];
    for (int k = 0; k < operands; ++k) offsets[k] = i;
    compute_element(f, y, x, offsets, i, std::make_integer_sequence<int, operands>{});
  }
}

template <class F, class Y, class T, int operands>
__global__ void elementwise_broadcast(Y* y, Operands<T, operands> x, Loops<operands> loops, std::int64_t n, F f) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    std::int64_t offsets[operands] = {};
    find_narrow_offsets(loops, i, n, offsets);
    compute_element(f, y, x, offsets, i, std::make_integer_sequence<int, operands>{});
  }
}

template <int operands>
void prepare_elementwise(KernelContext& c) {
  c.keep(common::broadcast_nest(c, operands));
}

template <int operands, class T, class F>
void run_elementwise(KernelContext& c, const LoopNest& nest, F f) {
  using Result = decltype([]<int... k>(std::integer_sequence<int, k...>, F g) {
    return g((static_cast<void>(k), Compute<T>{})...);
  }(std::make_integer_sequence<int, operands>{}, std::declval<F>()));
  using Y = std::conditional_t<std::is_same_v<Result, bool>, bool, T>;
  Operands<T, operands> x;
  for (int k = 0; k < operands; ++k) x.data[k] = c.input(k).data<T>();
  Y* const y = c.output(0).data<Y>();
  const std::int64_t n = c.output(0).num_elements();
  const Loops<operands> loops(nest);
  if (loops.is_even()) {
    run_over<elementwise_even<F, Y, T, operands>>(c, n, y, x, n, f);
  } else {
    run_over<elementwise_broadcast<F, Y, T, operands>>(c, n, y, x, loops, n, f);
  }
}

// Registers the kernel of a formula f(x0, x1, ...), whose bool result makes a bool tensor.
template <class Dtypes, int operands, bool broadcasts, class F>
void add_elementwise(KernelRegistry& kernels, const char* op, formulas::Kind<Dtypes, operands, broadcasts>, F) {
  const KernelFn compute = [](KernelContext& c) {
    visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      if constexpr (Dtypes::dtypes.contains(dtype_of<T>)) {
        run_elementwise<operands, T>(c, c.kept<LoopNest>(),
                                     formulas::made_from<F>([&]<class A>() -> const A& { return c.attrs<A>(); }));
      }
    });
  };
  kernels.add(op, kDevice, Dtypes::dtypes, compute, prepare_elementwise<operands>);
}

// What the lists of formulas take.
inline auto add_formula(KernelRegistry& kernels) {
  return [&kernels](const char* op, auto kind, auto formula) { add_elementwise(kernels, op, kind, formula); };
}

}  // namespace gradus::cuda
