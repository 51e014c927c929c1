// Element-wise ops of one operand, and the ops that compute their gradients, by the formulas that all fast backends share. Sines,
// cosines and tanh are the device's.
#include "gradus/backends/formulas/unary.h"

#include "gradus/backends/cuda/elementwise.h"
#include "gradus/core/convert.h"

namespace gradus::cuda {
namespace {

struct Sine {
  template <class T>
  __device__ T operator()(T x) const {
    return std::sin(x);
  }
};
struct Cosine {
  template <class T>
  __device__ T operator()(T x) const {
    return std::cos(x);
  }
};
struct HyperbolicTangent {
  template <class T>
  __device__ T operator()(T x) const {
    return std::tanh(x);
  }
};

// dy times the derivative of some order.
struct GeluGrad {
  using Attrs = DerivativeAttrs;
  explicit GeluGrad(const Attrs& attrs) : order(attrs.order) {}
  template <class T>
  __device__ T operator()(T dy, T x) const {
    return dy * (order == 1 ? formulas::gelu_slope(x) : formulas::gelu_derivative(x, order));
  }
  std::int64_t order;
};
struct ErrorFunctionGrad {
  using Attrs = DerivativeAttrs;
  explicit ErrorFunctionGrad(const Attrs& attrs) : order(attrs.order) {}
  template <class T>
  __device__ T operator()(T dy, T x) const {
    return dy * formulas::error_function_derivative(x, order);
  }
  std::int64_t order;
};

template <class To, class From>
__global__ void cast(To* y, const From* x, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride())
    y[i] = convert_element<To>(static_cast<Compute<From>>(x[i]));
}

void cast_kernel(KernelContext& c) {
  visit_dtype(c.input(0).dtype(), [&]<class From>(TypeTag<From>) {
    visit_dtype(c.output(0).dtype(), [&]<class To>(TypeTag<To>) {
      const std::int64_t n = c.output(0).num_elements();
      run_over<cast<To, From>>(c, n, c.output(0).data<To>(), static_cast<const From*>(c.input(0).raw()), n);
    });
  });
}

}  // namespace

void register_unary_kernels(KernelRegistry& kernels) {
  const auto add = add_formula(kernels);
  formulas::for_each_unary_formula(add);
  add("Sin", formulas::real<1>, Sine{});
  add("Cos", formulas::real<1>, Cosine{});
  add("Tanh", formulas::real<1>, HyperbolicTangent{});
  add("GeluGrad", formulas::real_of_one_shape<2>, GeluGrad(DerivativeAttrs{}));
  add("ErfGrad", formulas::real_of_one_shape<2>, ErrorFunctionGrad(DerivativeAttrs{}));
  kernels.add("Cast", kDevice, kAllDTypes, cast_kernel);
}

}  // namespace gradus::cuda
