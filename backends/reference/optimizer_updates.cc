// Each update as its paper states it, element by element, in float64.
#include <cmath>

#include "gradus/backends/reference/kernels.h"
#include "gradus/ops/optimizer_updates.h"

namespace gradus::reference {
namespace {

void gradient_descent(KernelContext& c) {
  Tensor& var = c.mutable_input(0);
  const double rate = c.input(1).at(0);
  for (std::int64_t i = 0; i < var.num_elements(); ++i) var.set(i, var.at(i) - rate * c.input(2).at(i));
}

void momentum(KernelContext& c) {
  Tensor &var = c.mutable_input(0), &accum = c.mutable_input(1);
  const double rate = c.input(2).at(0), mu = c.input(4).at(0);
  const bool nesterov = c.attrs<ApplyMomentumAttrs>().use_nesterov;
  for (std::int64_t i = 0; i < var.num_elements(); ++i) {
    const double g = c.input(3).at(i), a = mu * accum.at(i) + g;
    accum.set(i, a);
    var.set(i, var.at(i) - rate * (nesterov ? g + mu * a : a));
  }
}

void rms_prop(KernelContext& c) {
  Tensor &var = c.mutable_input(0), &ms = c.mutable_input(1), &mom = c.mutable_input(2);
  const double rate = c.input(3).at(0), mu = c.input(5).at(0);
  const auto& attrs = c.attrs<ApplyRMSPropAttrs>();
  for (std::int64_t i = 0; i < var.num_elements(); ++i) {
    const double g = c.input(4).at(i), s = attrs.rho * ms.at(i) + (1 - attrs.rho) * g * g;
    const double move = mu * mom.at(i) + rate * g / std::sqrt(s + attrs.epsilon);
    ms.set(i, s);
    mom.set(i, move);
    var.set(i, var.at(i) - move);
  }
}

void adam(KernelContext& c) {
  Tensor &var = c.mutable_input(0), &m = c.mutable_input(1), &v = c.mutable_input(2);
  const double rate = c.input(3).at(0), step = c.input(5).at(0);
  const auto& attrs = c.attrs<ApplyAdamAttrs>();
  if (step < 1)
    c.fail(Code::kInvalidArgument, "step counts from 1; got " + std::to_string(c.input(5).item<std::int64_t>()));
  const double correct1 = 1 - std::pow(attrs.beta1, step), correct2 = 1 - std::pow(attrs.beta2, step);
  for (std::int64_t i = 0; i < var.num_elements(); ++i) {
    const double g = c.input(4).at(i);
    const double m1 = attrs.beta1 * m.at(i) + (1 - attrs.beta1) * g;
    const double v1 = attrs.beta2 * v.at(i) + (1 - attrs.beta2) * g * g;
    m.set(i, m1);
    v.set(i, v1);
    const double direction = (m1 / correct1) / (std::sqrt(v1 / correct2) + attrs.epsilon);
    var.set(i, var.at(i) - rate * (direction + attrs.weight_decay * var.at(i)));
  }
}

}  // namespace

void register_optimizer_update_kernels(KernelRegistry& kernels) {
  kernels.add("ApplyGradientDescent", kDevice, kFloating, gradient_descent);
  kernels.add("ApplyMomentum", kDevice, kFloating, momentum);
  kernels.add("ApplyRMSProp", kDevice, kFloating, rms_prop);
  kernels.add("ApplyAdam", kDevice, kFloating, adam);
}

}  // namespace gradus::reference
