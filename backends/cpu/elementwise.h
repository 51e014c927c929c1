// The engine of all element-wise ops: y[i] = f(x0[i], x1[i], ...), with NumPy's broadcasting. The shapes are cut into
// rows in which each operand either advances with the result or repeats one element, so that the loops are vectorised
// by the compiler. A formula is written once, for all dtypes; dtypes of 16 bits are computed in float32.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>

#include "gradus/backends/common/loop_nest.h"
#include "gradus/backends/cpu/half_rows.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/vector.h"
#include "gradus/backends/formulas/formula.h"
#include "gradus/core/wrapping.h"

namespace gradus::cpu {

template <int operands>
void prepare_elementwise(KernelContext& c) {
  c.keep(broadcast_nest(c, operands));
}

// The same nest, as prepare_elementwise() kept it: calls row(offsets of the operands, offset of the result, elements) for all rows, in
// parallel.
void for_rows(KernelContext& c, FunctionRef<void(const LoopNest::Offsets&, std::int64_t, std::int64_t)> row);
// Bit k: operand k advances along a row; otherwise it repeats one element. All do along rows of one element.
unsigned advancing_operands(const KernelContext& c);

// One row. The operands that repeat are read once. Flattened: a formula that stays a call keeps the loop from being vectorised.
template <unsigned advancing, class F, class Y, std::size_t... k, class... X>
[[gnu::flatten]] void row_loop(F f, Y* y, std::int64_t n, std::index_sequence<k...>, const X*... x) {
  const std::tuple<X...> repeated{*x...};
  GRADUS_INDEPENDENT_ITERATIONS
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = static_cast<Y>(f(((advancing >> k & 1u) != 0 ? x[i] : std::get<k>(repeated))...));
  }
}

// A row of operands of which some may repeat, with a loop for each way to do so; without `broadcasts` there is one loop.
template <bool broadcasts, class F, class Y, class... X>
void run_row(F f, unsigned advancing, Y* y, std::int64_t n, const X*... x) {
  constexpr unsigned kAll = (1u << sizeof...(X)) - 1;
  if constexpr (broadcasts) {
    advancing &= kAll;
    [&]<unsigned... mask>(std::integer_sequence<unsigned, mask...>) {  // at least one advances: no mask is 0
      ((advancing == mask + 1 ? row_loop<mask + 1>(f, y, n, std::index_sequence_for<X...>{}, x...) : void()), ...);
    }
    (std::make_integer_sequence<unsigned, kAll>{});
  } else {
    row_loop<kAll>(f, y, n, std::index_sequence_for<X...>{}, x...);
  }
}

// A row of numbers of 16 bits: the operands are widened block by block.
template <class T, bool broadcasts, class F, class Y, std::size_t... k>
void run_half_row(F f, unsigned advancing, Y* y, std::int64_t n, std::index_sequence<k...>,
                  const std::array<const T*, sizeof...(k)>& x) {
  constexpr std::int64_t kBlock = 256;
  float wide[sizeof...(k)][kBlock];
  float result[kBlock];
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, n - begin);
    ((advancing >> k & 1u ? widen(x[k] + begin, wide[k], count) : widen(x[k], wide[k], 1)), ...);
    if constexpr (std::is_same_v<Y, bool>) {
      run_row<broadcasts>(f, advancing, y + begin, count, wide[k]...);
    } else {
      run_row<broadcasts>(f, advancing, result, count, wide[k]...);
      narrow(result, y + begin, count);
    }
  }
}

// `broadcasts`: the operands may have different shapes.
template <int operands, class T, bool broadcasts = (operands > 1), class F>
void run_elementwise(KernelContext& c, F f) {
  const unsigned advancing = advancing_operands(c);
  [&]<std::size_t... k>(std::index_sequence<k...> indices) {
    using Result = decltype(f((static_cast<void>(k), Compute<T>{})...));
    using Y = std::conditional_t<std::is_same_v<Result, bool>, bool, T>;
    Y* y = c.output(0).data<Y>();
    const std::array<const T*, operands> x{c.input(static_cast<int>(k)).template data<T>()...};
    for_rows(c, [&](const LoopNest::Offsets& offsets, std::int64_t begin, std::int64_t n) {
      if constexpr (is_half_type<T>) {
        run_half_row<T, broadcasts>(f, advancing, y + begin, n, indices, {(x[k] + offsets[k])...});
      } else {
        run_row<broadcasts>(f, advancing, y + begin, n, (x[k] + offsets[k])...);
      }
    });
  }
  (std::make_index_sequence<operands>{});
}

// Registers the kernel of a formula f(x0, x1, ...), whose bool result makes a bool tensor.
template <class Dtypes, int operands, bool broadcasts, class F>
void add_elementwise(KernelRegistry& kernels, const char* op, formulas::Kind<Dtypes, operands, broadcasts>, F) {
  const KernelFn compute = [](KernelContext& c) {
    visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      if constexpr (Dtypes::dtypes.contains(dtype_of<T>)) {
        run_elementwise<operands, T, broadcasts>(
            c, formulas::made_from<F>([&]<class A>() -> const A& { return c.attrs<A>(); }));
      }
    });
  };
  kernels.add(op, kDevice, Dtypes::dtypes, compute, prepare_elementwise<operands>);
}

// What the lists of formulas take.
inline auto add_formula(KernelRegistry& kernels) {
  return [&kernels](const char* op, auto kind, auto formula) { add_elementwise(kernels, op, kind, formula); };
}

}  // namespace gradus::cpu
