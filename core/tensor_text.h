// What error texts, tables and reports say about tensors. Internal to the library.
#pragma once

#include "gradus/core/tensor.h"

namespace gradus {

// "float32 [2,?,3]".
std::string type_text(DType dtype, const Shape& shape);
// Of a tensor, an output, or what else has a dtype and a shape.
template <class T>
std::string type_text(const T& of) {
  if constexpr (requires { of.dtype(); }) {
    return type_text(of.dtype(), of.shape());
  } else {
    return type_text(of.dtype, of.shape);
  }
}

// The finite elements of a tensor; low > high where there are none.
struct FiniteRange {
  double low, high, sum;
  std::int64_t count;
};
FiniteRange finite_range(const Tensor& tensor);

}  // namespace gradus
