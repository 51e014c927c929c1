// One formula per element-wise op of one operand, and per op that computes such a gradient.
#include "gradus/ops/unary.h"

#include <cmath>

#include "gradus/backends/reference/elementwise.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/core/convert.h"

namespace gradus::reference {
namespace {

// Where a rounding of x or of its square would be seen many times in the result, the tails of e^(-x^2), it is done in long double.
using Long = long double;
constexpr Long kSqrtHalf = 0.7071067811865475244008443621L;
constexpr Long kOneOverSqrtTwoPi = 0.3989422804014326779399460599L;
constexpr Long kTwoOverSqrtPi = 1.1283791670955125738961589031L;

// x, or where e^(-x^2 / 2) has long been 0 a number that gives finite products.
Long near(double x) { return x > 60 ? 60 : x < -60 ? -60 : x; }
Long normal_distribution(Long x) { return std::erfc(-x * kSqrtHalf) / 2; }
Long normal_density(Long x) { return kOneOverSqrtTwoPi * std::exp(-x * x / 2); }

double gelu(double x) { return static_cast<double>((x > 0 ? x : near(x)) * normal_distribution(near(x))); }

// The derivative of x Phi(x) of some order: n Phi^(n-1) + x Phi^(n), where phi^(k) = p_k phi with the polynomials p_0 = 1, p_1 = -x,
// p_(k+1) = -x p_k - k p_(k-1).
double gelu_derivative(double at, std::int64_t order) {
  const Long x = near(at);
  if (order == 1) return static_cast<double>(normal_distribution(x) + x * normal_density(x));
  Long before = 1, now = -x;
  for (std::int64_t k = 1; k < order - 1; ++k) {
    const Long next = -x * now - static_cast<Long>(k) * before;
    before = now;
    now = next;
  }
  return static_cast<double>(normal_density(x) * (static_cast<Long>(order) * before + x * now));
}

// The derivative of erf of some order: 2 / sqrt(pi) h_(n-1) e^(-x^2), h_0 = 1, h_(k+1) = -2 x h_k - 2 k h_(k-1).
double erf_derivative(double at, std::int64_t order) {
  const Long x = near(at);
  Long before = 0, now = 1;
  for (std::int64_t k = 0; k < order - 1; ++k) {
    const Long next = -2 * x * now - static_cast<Long>(2 * k) * before;
    before = now;
    now = next;
  }
  return static_cast<double>(kTwoOverSqrtPi * now * std::exp(-x * x));
}

void cast_kernel(KernelContext& c) {
  visit_dtype(c.input(0).dtype(), [&]<class From>(TypeTag<From>) {
    visit_dtype(c.output(0).dtype(), [&]<class To>(TypeTag<To>) {
      const From* x = c.input(0).data<From>();
      To* y = c.output(0).data<To>();
      for (std::int64_t i = 0; i < c.output(0).num_elements(); ++i) y[i] = convert_element<To>(x[i]);
    });
  });
}

}  // namespace

void register_unary_kernels(KernelRegistry& kernels) {
  const auto numeric = [&](const char* op, KernelFn kernel) { kernels.add(op, kDevice, kNumeric, kernel); };
  const auto floating = [&](const char* op, KernelFn kernel) { kernels.add(op, kDevice, kFloating, kernel); };
  numeric("Neg", elementwise<1>([](auto x) { return -wrapping(x); }));
  numeric("Abs", elementwise<1>([](auto x) {
            if constexpr (std::is_floating_point_v<decltype(x)>)
              return std::abs(x);  // of -0 as well
            else
              return x < 0 ? -wrapping(x) : wrapping(x);
          }));
  numeric("Sign", elementwise<1>([](auto x) { return x > 0 ? decltype(x){1} : x < 0 ? decltype(x){-1} : x; }));
  numeric("Square", elementwise<1>([](auto x) { return wrapping(x) * wrapping(x); }));
  floating("Sqrt", real_elementwise<1>([](double x) { return std::sqrt(x); }));
  floating("Rsqrt", real_elementwise<1>([](double x) { return 1.0 / std::sqrt(x); }));
  floating("Exp", real_elementwise<1>([](double x) { return std::exp(x); }));
  floating("Log", real_elementwise<1>([](double x) { return std::log(x); }));
  floating("Log1p", real_elementwise<1>([](double x) { return std::log1p(x); }));
  floating("Sin", real_elementwise<1>([](double x) { return std::sin(x); }));
  floating("Cos", real_elementwise<1>([](double x) { return std::cos(x); }));
  floating("Tanh", real_elementwise<1>([](double x) { return std::tanh(x); }));
  floating("Sigmoid", real_elementwise<1>([](double x) {
             return (x < 0 ? std::exp(x) : 1.0) / (1.0 + std::exp(-std::abs(x)));  // e^-x may overflow
           }));
  floating("Softplus",
           real_elementwise<1>([](double x) { return std::log1p(std::exp(-std::abs(x))) + (x < 0 ? 0.0 : x); }));
  numeric("Relu", elementwise<1>([](auto x) { return x < 0 ? decltype(x){0} : x; }));
  numeric("Relu6", elementwise<1>([](auto x) { return x < 0 ? decltype(x){0} : x > 6 ? decltype(x){6} : x; }));
  floating("LeakyRelu", real_elementwise<1>([](double x, KernelContext& c) {
             return x >= 0 ? x : c.attrs<LeakyReluAttrs>().alpha * x;
           }));
  floating("Elu", real_elementwise<1>([](double x, KernelContext& c) {
             return x >= 0 ? x : c.attrs<EluAttrs>().alpha * std::expm1(x);
           }));
  floating("Gelu", real_elementwise<1>([](double x) { return gelu(x); }));
  floating("Erf", real_elementwise<1>([](double x) { return std::erf(x); }));
  kernels.add("Cast", kDevice, kAllDTypes, cast_kernel);

  floating("ReluGrad", real_elementwise<2>([](double dy, double y) { return y > 0 ? dy : 0.0; }));
  floating("Relu6Grad", real_elementwise<2>([](double dy, double y) { return y > 0 && y < 6 ? dy : 0.0; }));
  floating("LeakyReluGrad", real_elementwise<2>([](double dy, double x, KernelContext& c) {
             return x > 0 ? dy : c.attrs<LeakyReluAttrs>().alpha * dy;
           }));
  floating("EluGrad", real_elementwise<2>([](double dy, double x, KernelContext& c) {
             return x >= 0 ? dy : dy * (c.attrs<EluAttrs>().alpha * std::exp(x));
           }));
  // 1 / cosh(x)^2 and 1 / (2 cosh(x / 2))^2, with powers that do not overflow.
  floating("TanhGrad", real_elementwise<2>([](double dy, double x) {
             const double power = std::exp(-2 * std::abs(x));
             return dy * (4 * power / ((1 + power) * (1 + power)));
           }));
  floating("SigmoidGrad", real_elementwise<2>([](double dy, double x) {
             const double power = std::exp(-std::abs(x));
             return dy * (power / ((1 + power) * (1 + power)));
           }));
  floating("GeluGrad", real_elementwise<2>([](double dy, double x, KernelContext& c) {
             return dy * gelu_derivative(x, c.attrs<DerivativeAttrs>().order);
           }));
  floating("ErfGrad", real_elementwise<2>([](double dy, double x, KernelContext& c) {
             return dy * erf_derivative(x, c.attrs<DerivativeAttrs>().order);
           }));
}

}  // namespace gradus::reference
