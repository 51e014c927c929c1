// Activations that are ops of their own and are also fused into other kernels: the same formula for both. NaN stays NaN.
#pragma once

namespace gradus::cpu {

struct ReluOf {
  template <class T>
  T operator()(T x) const {
    return x < 0 ? T{0} : x;
  }
};

struct Relu6Of {
  template <class T>
  T operator()(T x) const {
    return x < 0 ? T{0} : x > 6 ? T{6} : x;
  }
};

}  // namespace gradus::cpu
