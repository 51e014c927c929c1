// The attributes of Constant, the one op whose result the engine takes from its attributes instead of a kernel.
#pragma once

#include "gradus/core/tensor.h"

namespace gradus {

struct ConstantAttrs {
  Tensor value;
  template <class V>
  void visit(V& v) {
    v("value", value, "the tensor itself");
  }
};

}  // namespace gradus
