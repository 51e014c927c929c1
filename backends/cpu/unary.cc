// One formula per element-wise op of one operand, and per op that computes such a gradient. Sines, cosines and tanh are Eigen's,
// which are vectorised for float32; square roots are the processor's, which are exact; all else is in the headers beside.
#include "gradus/ops/unary.h"

#include <cmath>

#include "gradus/backends/cpu/activations.h"
#include "gradus/backends/cpu/eigen.h"
#include "gradus/backends/cpu/elementwise.h"
#include "gradus/backends/cpu/exponential.h"
#include "gradus/backends/cpu/logarithm.h"
#include "gradus/backends/cpu/normal_tail.h"
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
        if constexpr (!std::is_same_v<T, Float16>) {
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

// A formula f(alpha, x0, ...) with the slope of Attrs, LeakyReluAttrs or EluAttrs.
template <class Attrs, int operands, class F>
void add_with_alpha(KernelRegistry& kernels, const char* op, F) {
  const KernelFn compute = [](KernelContext& c) {
    visit_floating(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      const auto alpha = static_cast<Compute<T>>(c.attrs<Attrs>().alpha);
      run_elementwise<operands, T, false>(c, [alpha](auto... x) { return F{}(alpha, x...); });
    });
  };
  kernels.add(op, kDevice, kFloating, compute, prepare_elementwise<operands>);
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
        if constexpr (std::is_same_v<From, Float16> && std::is_same_v<To, float>) {
          widen(x + begin, y + begin, end - begin);
        } else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, Float16>) {
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
  add_elementwise<Numeric, 1>(kernels, "Neg", [](auto x) { return -wrapping(x); });
  add_elementwise<Numeric, 1>(kernels, "Abs", [](auto x) {
    if constexpr (std::is_integral_v<decltype(x)>)
      return x < 0 ? -wrapping(x) : wrapping(x);
    else
      return std::abs(x);
  });
  add_elementwise<Numeric, 1>(kernels, "Sign", [](auto x) {
    using T = decltype(x);
    return x > 0 ? static_cast<T>(1) : x < 0 ? static_cast<T>(-1) : x;
  });
  add_elementwise<Numeric, 1>(kernels, "Square", [](auto x) { return wrapping(x) * wrapping(x); });
  add_elementwise<Real, 1>(kernels, "Sqrt", [](auto x) { return std::sqrt(x); });
  add_elementwise<Real, 1>(kernels, "Rsqrt", [](auto x) { return 1 / std::sqrt(x); });
  add_elementwise<Real, 1>(kernels, "Exp", [](auto x) { return exponential(x); });
  add_elementwise<Real, 1>(kernels, "Log", [](auto x) { return logarithm(x); });
  add_elementwise<Real, 1>(kernels, "Log1p", [](auto x) { return logarithm_of_one_plus(x); });
  add_rows(kernels, "Sin", [](const auto& x, auto& y) { y = x.sin(); });
  add_rows(kernels, "Cos", [](const auto& x, auto& y) { y = x.cos(); });
  add_rows(kernels, "Tanh", [](const auto& x, auto& y) { y = x.tanh(); });
  // With e^-|x|, which cannot overflow.
  add_elementwise<Real, 1>(kernels, "Sigmoid", [](auto x) {
    const auto power = exponential(-std::abs(x));
    return (x < 0 ? power : 1) / (1 + power);
  });
  add_elementwise<Real, 1>(kernels, "Softplus",
                           [](auto x) { return (x < 0 ? 0 : x) + logarithm_of_one_plus(exponential(-std::abs(x))); });
  add_elementwise<Numeric, 1>(kernels, "Relu", ReluOf{});
  add_elementwise<Numeric, 1>(kernels, "Relu6", Relu6Of{});
  add_with_alpha<LeakyReluAttrs, 1>(kernels, "LeakyRelu", [](auto alpha, auto x) { return x >= 0 ? x : alpha * x; });
  add_with_alpha<EluAttrs, 1>(kernels, "Elu",
                              [](auto alpha, auto x) { return x >= 0 ? x : alpha * exponential_minus_one(x); });
  add_elementwise<Real, 1>(kernels, "Gelu", [](auto x) { return gelu_of(x); });
  add_elementwise<Real, 1>(kernels, "Erf", [](auto x) { return error_function(x); });
  kernels.add("Cast", kDevice, kAllDTypes, cast_kernel);

  add_same_shape(kernels, "ReluGrad", [](auto dy, auto y) { return y > 0 ? dy : decltype(dy){0}; });
  add_same_shape(kernels, "Relu6Grad", [](auto dy, auto y) { return y > 0 && y < 6 ? dy : decltype(dy){0}; });
  add_with_alpha<LeakyReluAttrs, 2>(kernels, "LeakyReluGrad",
                                    [](auto alpha, auto dy, auto x) { return x > 0 ? dy : alpha * dy; });
  add_with_alpha<EluAttrs, 2>(kernels, "EluGrad",
                              [](auto alpha, auto dy, auto x) { return x >= 0 ? dy : dy * (alpha * exponential(x)); });
  // 1 / cosh(x)^2 and 1 / (2 cosh(x / 2))^2, with powers that cannot overflow.
  add_same_shape(kernels, "TanhGrad", [](auto dy, auto x) {
    const auto power = exponential(-2 * std::abs(x)), sum = 1 + power;
    return dy * (4 * power / (sum * sum));
  });
  add_same_shape(kernels, "SigmoidGrad", [](auto dy, auto x) {
    const auto power = exponential(-std::abs(x)), sum = 1 + power;
    return dy * (power / (sum * sum));
  });
  const auto second = []<class F>(F) { return [](auto x) { return F{}(x, 2); }; };
  const auto gelu_any = [](auto x, std::int64_t order) { return gelu_derivative(x, order); };
  const auto erf_any = [](auto x, std::int64_t order) { return error_function_derivative(x, order); };
  add_derivative(
      kernels, "GeluGrad", [](auto x) { return gelu_slope(x); }, second(gelu_any), gelu_any);
  add_derivative(
      kernels, "ErfGrad", [](auto x) { return error_function_derivative(x, 1); }, second(erf_any), erf_any);
}

}  // namespace gradus::cpu
