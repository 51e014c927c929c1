// One fused, parallel pass over variable and slots per update: these loops are bound by memory, so touching each element once
// is what matters.
#include <cmath>

#include "gradus/backends/cpu/kernels.h"
#include "gradus/ops/optimizer_updates.h"

namespace gradus::cpu {
namespace {

template <class F>
void for_chunks(KernelContext& c, F&& body) {
  c.parallel_for(c.input(0).num_elements(), kComputeChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) body(i);
  });
}

// Variables of 16 bits have slots and scalar operands of the type they are computed in, float32.
template <class T>
Compute<T> scalar_operand(const KernelContext& c, int i) {
  return *c.input(i).data<Compute<T>>();
}

template <class T>
void gradient_descent(KernelContext& c) {
  using U = Compute<T>;
  T* __restrict var = c.mutable_input(0).data<T>();
  const T* __restrict grad = c.input(2).data<T>();
  const U rate = scalar_operand<T>(c, 1);
  for_chunks(c,
             [=](std::int64_t i) { var[i] = static_cast<T>(static_cast<U>(var[i]) - rate * static_cast<U>(grad[i])); });
}

template <class T>
void momentum(KernelContext& c) {
  using U = Compute<T>;
  T* __restrict var = c.mutable_input(0).data<T>();
  U* __restrict accum = c.mutable_input(1).data<U>();
  const T* __restrict grad = c.input(3).data<T>();
  const U rate = scalar_operand<T>(c, 2), mu = scalar_operand<T>(c, 4);
  if (c.attrs<ApplyMomentumAttrs>().use_nesterov) {
    for_chunks(c, [=](std::int64_t i) {
      const U g = static_cast<U>(grad[i]), a = mu * accum[i] + g;
      accum[i] = a;
      var[i] = static_cast<T>(static_cast<U>(var[i]) - rate * (g + mu * a));
    });
  } else {
    for_chunks(c, [=](std::int64_t i) {
      const U a = mu * accum[i] + static_cast<U>(grad[i]);
      accum[i] = a;
      var[i] = static_cast<T>(static_cast<U>(var[i]) - rate * a);
    });
  }
}

template <class T>
void rms_prop(KernelContext& c) {
  using U = Compute<T>;
  T* __restrict var = c.mutable_input(0).data<T>();
  U* __restrict ms = c.mutable_input(1).data<U>();
  U* __restrict mom = c.mutable_input(2).data<U>();
  const T* __restrict grad = c.input(4).data<T>();
  const auto& attrs = c.attrs<ApplyRMSPropAttrs>();
  const U rate = scalar_operand<T>(c, 3), mu = scalar_operand<T>(c, 5);
  const U rho = static_cast<U>(attrs.rho), rest = static_cast<U>(1 - attrs.rho),
          epsilon = static_cast<U>(attrs.epsilon);
  for_chunks(c, [=](std::int64_t i) {
    const U g = static_cast<U>(grad[i]), s = rho * ms[i] + rest * g * g;
    const U move = mu * mom[i] + rate * g / std::sqrt(s + epsilon);
    ms[i] = s;
    mom[i] = move;
    var[i] = static_cast<T>(static_cast<U>(var[i]) - move);
  });
}

template <class T>
void adam(KernelContext& c) {
  using U = Compute<T>;
  T* __restrict var = c.mutable_input(0).data<T>();
  U* __restrict m = c.mutable_input(1).data<U>();
  U* __restrict v = c.mutable_input(2).data<U>();
  const T* __restrict grad = c.input(4).data<T>();
  const auto& attrs = c.attrs<ApplyAdamAttrs>();
  const double step = static_cast<double>(*c.input(5).data<std::int64_t>());
  if (step < 1)
    c.fail(Code::kInvalidArgument, "step counts from 1; got " + std::to_string(c.input(5).item<std::int64_t>()));
  const U rate = scalar_operand<T>(c, 3);
  const U beta1 = static_cast<U>(attrs.beta1), rest1 = static_cast<U>(1 - attrs.beta1);
  const U beta2 = static_cast<U>(attrs.beta2), rest2 = static_cast<U>(1 - attrs.beta2);
  const U scale1 = static_cast<U>(1 / (1 - std::pow(attrs.beta1, step)));
  const U scale2 = static_cast<U>(1 / (1 - std::pow(attrs.beta2, step)));
  const U epsilon = static_cast<U>(attrs.epsilon), decay = static_cast<U>(attrs.weight_decay);
  for_chunks(c, [=](std::int64_t i) {
    const U g = static_cast<U>(grad[i]), w = static_cast<U>(var[i]);
    const U m1 = beta1 * m[i] + rest1 * g;
    const U v1 = beta2 * v[i] + rest2 * g * g;
    m[i] = m1;
    v[i] = v1;
    var[i] = static_cast<T>(w - rate * (m1 * scale1 / (std::sqrt(v1 * scale2) + epsilon) + decay * w));
  });
}

}  // namespace

void register_optimizer_update_kernels(KernelRegistry& kernels) {
  for_each_floating([&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    kernels.add("ApplyGradientDescent", kDevice, dtype, gradient_descent<T>);
    kernels.add("ApplyMomentum", kDevice, dtype, momentum<T>);
    kernels.add("ApplyRMSProp", kDevice, dtype, rms_prop<T>);
    kernels.add("ApplyAdam", kDevice, dtype, adam<T>);
  });
}

}  // namespace gradus::cpu
