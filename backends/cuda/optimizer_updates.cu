// One pass over variable and slots per update, element by element.
#include "gradus/ops/optimizer_updates.h"

#include "gradus/backends/cuda/kernels.h"

namespace gradus::cuda {
namespace {

template <class T>
__global__ void gradient_descent(T* var, const Compute<T>* rate, const T* grad, std::int64_t n) {
  using U = Compute<T>;
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    var[i] = static_cast<T>(static_cast<U>(var[i]) - rate[0] * static_cast<U>(grad[i]));
  }
}

template <class T>
__global__ void momentum(T* var, Compute<T>* accum, const Compute<T>* rate, const T* grad, const Compute<T>* mu,
                         bool nesterov, std::int64_t n) {
  using U = Compute<T>;
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    const U g = static_cast<U>(grad[i]), a = mu[0] * accum[i] + g;
    accum[i] = a;
    var[i] = static_cast<T>(static_cast<U>(var[i]) - rate[0] * (nesterov ? g + mu[0] * a : a));
  }
}

template <class T>
__global__ void rms_prop(T* var, Compute<T>* ms, Compute<T>* mom, const Compute<T>* rate, const T* grad,
                         const Compute<T>* mu, Compute<T> rho, Compute<T> rest, Compute<T> epsilon, std::int64_t n) {
  using U = Compute<T>;
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    const U g = static_cast<U>(grad[i]), s = rho * ms[i] + rest * g * g;
    const U move = mu[0] * mom[i] + rate[0] * g / std::sqrt(s + epsilon);
    ms[i] = s;
    mom[i] = move;
    var[i] = static_cast<T>(static_cast<U>(var[i]) - move);
  }
}

// Constants of Adam in the type that is computed in; beta1 and beta2 in float64 too, for their powers.
template <class U>
struct AdamConstants {
  U beta1, rest1, beta2, rest2, epsilon, decay;
  double exact_beta1, exact_beta2;
};
template <class T>
__global__ void adam(T* var, Compute<T>* m, Compute<T>* v, const Compute<T>* rate, const T* grad,
                     const std::int64_t* step, AdamConstants<Compute<T>> k, Finding* findings, unsigned mistake,
                     std::int64_t n) {
  using U = Compute<T>;
  if (step[0] < 1) {
    if (first_item() == 0) report(findings, mistake, step[0]);
    return;
  }
  const double steps = static_cast<double>(step[0]);
  const U scale1 = static_cast<U>(1 / (1 - std::pow(k.exact_beta1, steps)));
  const U scale2 = static_cast<U>(1 / (1 - std::pow(k.exact_beta2, steps)));
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    const U g = static_cast<U>(grad[i]), w = static_cast<U>(var[i]);
    const U m1 = k.beta1 * m[i] + k.rest1 * g, v1 = k.beta2 * v[i] + k.rest2 * g * g;
    m[i] = m1;
    v[i] = v1;
    var[i] = static_cast<T>(w - rate[0] * (m1 * scale1 / (std::sqrt(v1 * scale2) + k.epsilon) + k.decay * w));
  }
}

template <class T>
void gradient_descent_kernel(KernelContext& c) {
  const std::int64_t n = c.input(0).num_elements();
  run_over<gradient_descent<T>>(c, n, c.mutable_input(0).data<T>(), c.input(1).data<Compute<T>>(), c.input(2).data<T>(),
                                n);
}
template <class T>
void momentum_kernel(KernelContext& c) {
  using U = Compute<T>;
  const std::int64_t n = c.input(0).num_elements();
  run_over<momentum<T>>(c, n, c.mutable_input(0).data<T>(), c.mutable_input(1).data<U>(), c.input(2).data<U>(),
                        c.input(3).data<T>(), c.input(4).data<U>(), c.attrs<ApplyMomentumAttrs>().use_nesterov, n);
}
template <class T>
void rms_prop_kernel(KernelContext& c) {
  using U = Compute<T>;
  const std::int64_t n = c.input(0).num_elements();
  const auto& attrs = c.attrs<ApplyRMSPropAttrs>();
  run_over<rms_prop<T>>(c, n, c.mutable_input(0).data<T>(), c.mutable_input(1).data<U>(), c.mutable_input(2).data<U>(),
                        c.input(3).data<U>(), c.input(4).data<T>(), c.input(5).data<U>(), static_cast<U>(attrs.rho),
                        static_cast<U>(1 - attrs.rho), static_cast<U>(attrs.epsilon), n);
}
template <class T>
void adam_kernel(KernelContext& c) {
  using U = Compute<T>;
  const std::int64_t n = c.input(0).num_elements();
  const auto& a = c.attrs<ApplyAdamAttrs>();
  const AdamConstants<U> k{static_cast<U>(a.beta1),
                           static_cast<U>(1 - a.beta1),
                           static_cast<U>(a.beta2),
                           static_cast<U>(1 - a.beta2),
                           static_cast<U>(a.epsilon),
                           static_cast<U>(a.weight_decay),
                           a.beta1,
                           a.beta2};
  run_over<adam<T>>(c, n, c.mutable_input(0).data<T>(), c.mutable_input(1).data<U>(), c.mutable_input(2).data<U>(),
                    c.input(3).data<U>(), c.input(4).data<T>(), c.input(5).data<std::int64_t>(), k,
                    device_of(c).findings(), c.kept<unsigned>(), n);
}
void prepare_adam(KernelContext& c) {
  c.keep(add_mistake(c, Code::kInvalidArgument,
                     [](std::int64_t step) { return "step counts from 1; got " + std::to_string(step); }));
}

}  // namespace

void register_optimizer_update_kernels(KernelRegistry& kernels) {
  common::for_each_floating([&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    kernels.add("ApplyGradientDescent", kDevice, dtype, gradient_descent_kernel<T>);
    kernels.add("ApplyMomentum", kDevice, dtype, momentum_kernel<T>);
    kernels.add("ApplyRMSProp", kDevice, dtype, rms_prop_kernel<T>);
    kernels.add("ApplyAdam", kDevice, dtype, adam_kernel<T>, prepare_adam);
  });
}

}  // namespace gradus::cuda
