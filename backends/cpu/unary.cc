// Element-wise ops of one operand, and the ops that compute their gradients, by the formulas that all fast backends share. Sines,
// cosines and tanh of float32 are Eigen's, which are vectorised.
#include "gradus/ops/unary.h"

#include <cmath>

#include "gradus/backends/cpu/eigen.h"
#include "gradus/backends/cpu/elementwise.h"
#include "gradus/backends/formulas/unary.h"
#include "gradus/core/convert.h"

namespace gradus::cpu {
namespace {

// Registers y = f(x) of whole rows, x and y as Eigen arrays.
template <class F>
void add_rows(KernelRegistry& kernels, const char* op, F) {
  const KernelFn compute = [](KernelContext& c) {
    visit_floating(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      using Array = Eigen::Array<Compute<T>, Eigen::Dynamic, 1>;
      const T* const x = c.input(0).data<T>();
      T* const y = c.output(0).data<T>();
      c.parallel_for(c.output(0).num_elements(), kComputeChunk, [&](std::int64_t begin, std::int64_t end) {
        if constexpr (!is_half_type<T>) {
          Eigen::Map<Array> result(y + begin, end - begin);
          F{}(Eigen::Map<const Array>(x + begin, end - begin), result);
        } else {
          constexpr std::int64_t kBlock = 256;
          alignas(64) float wide[kBlock];  // so that the same elements are in vectors on every thread
          for (std::int64_t i = begin; i < end; i += kBlock) {
            const std::int64_t n = std::min(kBlock, end - i);
            widen(x + i, wide, n);
            Eigen::Map<Array> result(wide, n);
            F{}(Eigen::Map<const Array>(wide, n), result);
            narrow(wide, y + i, n);
          }
        }
      });
    });
  };
  kernels.add(op, kDevice, kFloating, compute);
}

// dx = dy * first(x) for the derivative of order 1, dy * second(x) for 2, dy * any(x, order) for others.
template <class First, class Second, class Any>
void add_derivative(KernelRegistry& kernels, const char* op, First, Second, Any) {
  const KernelFn compute = [](KernelContext& c) {
    visit_floating(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      const std::int64_t order = c.attrs<DerivativeAttrs>().order;
      if (order == 1) {
        run_elementwise<2, T, false>(c, [](auto dy, auto x) { return dy * First{}(x); });
      } else if (order == 2) {
        run_elementwise<2, T, false>(c, [](auto dy, auto x) { return dy * Second{}(x); });
      } else {
        run_elementwise<2, T, false>(c, [order](auto dy, auto x) { return dy * Any{}(x, order); });
      }
    });
  };
  kernels.add(op, kDevice, kFloating, compute, prepare_elementwise<2>);
}

void cast_kernel(KernelContext& c) {
  visit_dtype(c.input(0).dtype(), [&]<class From>(TypeTag<From>) {
    visit_dtype(c.output(0).dtype(), [&]<class To>(TypeTag<To>) {
      const From* const x = c.input(0).data<From>();
      To* const y = c.output(0).data<To>();
      c.parallel_for(c.output(0).num_elements(), kComputeChunk, [&](std::int64_t begin, std::int64_t end) {
        if constexpr (is_half_type<From> && std::is_same_v<To, float>) {
          widen(x + begin, y + begin, end - begin);
        } else if constexpr (std::is_same_v<From, float> && is_half_type<To>) {
          narrow(x + begin, y + begin, end - begin);
        } else {
          for (std::int64_t i = begin; i < end; ++i) y[i] = convert_element<To>(static_cast<Compute<From>>(x[i]));
        }
      });
    });
  });
}

}  // namespace

void register_unary_kernels(KernelRegistry& kernels) {
  formulas::for_each_unary_formula(add_formula(kernels));
  add_rows(kernels, "Sin", [](const auto& x, auto& y) { y = x.sin(); });
  add_rows(kernels, "Cos", [](const auto& x, auto& y) { y = x.cos(); });
  add_rows(kernels, "Tanh", []<class X>(const X& x, auto& y) {
#ifdef __FMA__
    constexpr bool kHasFma = true;
#else
    constexpr bool kHasFma = false;
#endif
    if constexpr (kHasFma || std::is_same_v<typename X::Scalar, double>) {
      y = x.tanh();
    } else {  // without FMA, Eigen's is not as exact
      row_loop<1>(formulas::HyperbolicTangent{}, y.data(), x.size(), std::index_sequence_for<X>{}, x.data());
    }
  });
  kernels.add("Cast", kDevice, kAllDTypes, cast_kernel);

  const auto second = []<class F>(F) { return [](auto x) { return F{}(x, 2); }; };
  const auto gelu_any = [](auto x, std::int64_t order) { return formulas::gelu_derivative(x, order); };
  const auto erf_any = [](auto x, std::int64_t order) { return formulas::error_function_derivative(x, order); };
  add_derivative(
      kernels, "GeluGrad", [](auto x) { return formulas::gelu_slope(x); }, second(gelu_any), gelu_any);
  add_derivative(
      kernels, "ErfGrad", [](auto x) { return formulas::error_function_derivative(x, 1); }, second(erf_any), erf_any);
}

}  // namespace gradus::cpu
