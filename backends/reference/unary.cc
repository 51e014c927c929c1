// One formula per element-wise op of one operand, and per op that computes such a gradient.
#include "gradus/ops/unary.h"

#include <cmath>

#include "gradus/backends/reference/elementwise.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/core/convert.h"

namespace gradus::reference {
namespace {

constexpr double kSqrtHalf = 0.70710678118654752;
constexpr double kOneOverSqrtTwoPi = 0.3989422804014327;

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
  numeric("Abs", elementwise<1>([](auto x) { return x < 0 ? -wrapping(x) : wrapping(x); }));
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
  floating("Sigmoid", real_elementwise<1>([](double x) { return 1.0 / (1.0 + std::exp(-x)); }));
  floating("Softplus",
           real_elementwise<1>([](double x) { return std::log1p(std::exp(-std::abs(x))) + (x < 0 ? 0.0 : x); }));
  numeric("Relu", elementwise<1>([](auto x) { return x < 0 ? decltype(x){0} : x; }));
  numeric("Relu6", elementwise<1>([](auto x) { return x < 0 ? decltype(x){0} : x > 6 ? decltype(x){6} : x; }));
  floating("LeakyRelu", real_elementwise<1>([](double x, KernelContext& c) {
             return x >= 0 ? x : c.attrs<LeakyReluAttrs>().alpha * x;
           }));
  floating("Elu", real_elementwise<1>([](double x) { return x >= 0 ? x : std::expm1(x); }));
  floating("Gelu", real_elementwise<1>([](double x) { return 0.5 * x * (1.0 + std::erf(x * kSqrtHalf)); }));
  floating("Erf", real_elementwise<1>([](double x) { return std::erf(x); }));
  kernels.add("Cast", kDevice, kAllDTypes, cast_kernel);

  floating("ReluGrad", real_elementwise<2>([](double dy, double y) { return y > 0 ? dy : 0.0; }));
  floating("Relu6Grad", real_elementwise<2>([](double dy, double y) { return y > 0 && y < 6 ? dy : 0.0; }));
  floating("EluGrad", real_elementwise<2>([](double dy, double y) { return y >= 0 ? dy : dy * (y + 1); }));
  floating("TanhGrad", real_elementwise<2>([](double y, double dy) { return dy * (1 - y * y); }));
  floating("SigmoidGrad", real_elementwise<2>([](double y, double dy) { return dy * y * (1 - y); }));
  floating("LeakyReluGrad", real_elementwise<2>([](double dy, double x, KernelContext& c) {
             return x > 0 ? dy : c.attrs<LeakyReluAttrs>().alpha * dy;
           }));
  floating("GeluGrad", real_elementwise<2>([](double dy, double x) {
             return dy * (0.5 * (1.0 + std::erf(x * kSqrtHalf)) + x * kOneOverSqrtTwoPi * std::exp(-0.5 * x * x));
           }));
}

}  // namespace gradus::reference
