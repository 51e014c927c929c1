// One formula per element-wise op of one operand, and per op that computes such a gradient. Transcendental functions
// other than e^x are Eigen's, which are vectorised for float32; square roots are the processor's, which are exact.
#include "gradus/ops/unary.h"

#include <cmath>

#include "gradus/backends/cpu/activations.h"
#include "gradus/backends/cpu/eigen.h"
#include "gradus/backends/cpu/elementwise.h"
#include "gradus/backends/cpu/exponential.h"
#include "gradus/core/convert.h"

namespace gradus::cpu {
namespace {

template <class T>
constexpr T kSqrtHalf = static_cast<T>(0.70710678118654752);
template <class T>
constexpr T kOneOverSqrtTwoPi = static_cast<T>(0.3989422804014327);

// Registers y = f(x) of whole rows, x and y as Eigen arrays.
template <class F>
void add_rows(KernelRegistry& kernels, const char* op, F) {
  const KernelFn compute = [](KernelContext& c) {
    visit_floating(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      using Array = Eigen::Array<Compute<T>, Eigen::Dynamic, 1>;
      const T* const x = c.input(0).data<T>();
      T* const y = c.output(0).data<T>();
      c.parallel_for(c.output(0).num_elements(), kElementwiseChunk, [&](std::int64_t begin, std::int64_t end) {
        if constexpr (!std::is_same_v<T, Float16>) {
          Eigen::Map<Array> result(y + begin, end - begin);
          F{}(Eigen::Map<const Array>(x + begin, end - begin), result);
        } else {
          constexpr std::int64_t kBlock = 256;
          float wide[kBlock];
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

// ln(1 + e^x). y may be x.
template <class T>
void softplus_row(const T* x, T* y, std::int64_t n) {
  constexpr std::int64_t kBlock = 256;
  using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
  T power[kBlock];
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, n - begin);
    for (std::int64_t i = 0; i < count; ++i) power[i] = exponential(-std::abs(x[begin + i]));
    Eigen::Map<Array>(y + begin, count) =
        Eigen::Map<const Array>(x + begin, count).max(0) + Eigen::Map<const Array>(power, count).log1p();
  }
}

template <int operands, class F>
KernelFn with_alpha(F) {
  return [](KernelContext& c) {
    visit_floating(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      const auto alpha = static_cast<Compute<T>>(c.attrs<LeakyReluAttrs>().alpha);
      run_elementwise<operands, T>(c, [alpha](auto... x) { return F{}(alpha, x...); });
    });
  };
}

void cast_kernel(KernelContext& c) {
  visit_dtype(c.input(0).dtype(), [&]<class From>(TypeTag<From>) {
    visit_dtype(c.output(0).dtype(), [&]<class To>(TypeTag<To>) {
      const From* const x = c.input(0).data<From>();
      To* const y = c.output(0).data<To>();
      c.parallel_for(c.output(0).num_elements(), kElementwiseChunk, [&](std::int64_t begin, std::int64_t end) {
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
  add_rows(kernels, "Log", [](const auto& x, auto& y) { y = x.log(); });
  add_rows(kernels, "Log1p", [](const auto& x, auto& y) { y = x.log1p(); });
  add_rows(kernels, "Sin", [](const auto& x, auto& y) { y = x.sin(); });
  add_rows(kernels, "Cos", [](const auto& x, auto& y) { y = x.cos(); });
  add_rows(kernels, "Tanh", [](const auto& x, auto& y) { y = x.tanh(); });
  add_elementwise<Real, 1>(kernels, "Sigmoid", [](auto x) { return 1 / (1 + exponential(-x)); });
  add_rows(kernels, "Softplus", [](const auto& x, auto& y) { softplus_row(x.data(), y.data(), x.size()); });
  add_elementwise<Numeric, 1>(kernels, "Relu", ReluOf{});
  add_elementwise<Numeric, 1>(kernels, "Relu6", Relu6Of{});
  kernels.add("LeakyRelu", kDevice, kFloating, with_alpha<1>([](auto alpha, auto x) { return x >= 0 ? x : alpha * x; }),
              prepare_elementwise<1>);
  add_elementwise<Real, 1>(kernels, "Elu", [](auto x) { return x >= 0 ? x : exponential_minus_one(x); });
  add_elementwise<Real, 1>(kernels, "Gelu", [](auto x) {
    using T = decltype(x);
    return T{0.5} * x * (1 + std::erf(x * kSqrtHalf<T>));
  });
  add_elementwise<Real, 1>(kernels, "Erf", [](auto x) { return std::erf(x); });
  kernels.add("Cast", kDevice, kAllDTypes, cast_kernel);

  add_elementwise<Real, 2>(kernels, "ReluGrad", [](auto dy, auto y) { return y > 0 ? dy : decltype(dy){0}; });
  add_elementwise<Real, 2>(kernels, "Relu6Grad", [](auto dy, auto y) { return y > 0 && y < 6 ? dy : decltype(dy){0}; });
  add_elementwise<Real, 2>(kernels, "EluGrad", [](auto dy, auto y) { return y >= 0 ? dy : dy * (y + 1); });
  add_elementwise<Real, 2>(kernels, "TanhGrad", [](auto y, auto dy) { return dy * (1 - y * y); });
  add_elementwise<Real, 2>(kernels, "SigmoidGrad", [](auto y, auto dy) { return dy * y * (1 - y); });
  kernels.add("LeakyReluGrad", kDevice, kFloating,
              with_alpha<2>([](auto alpha, auto dy, auto x) { return x > 0 ? dy : alpha * dy; }),
              prepare_elementwise<2>);
  add_elementwise<Real, 2>(kernels, "GeluGrad", [](auto dy, auto x) {
    using T = decltype(x);
    return dy * (T{0.5} * (1 + std::erf(x * kSqrtHalf<T>)) + x * kOneOverSqrtTwoPi<T> * std::exp(T{-0.5} * x * x));
  });
}

}  // namespace gradus::cpu
