// Elements around a tensor, constant or mirrored. Semantics follow TensorFlow's tf.pad; page: docs/ops/pad.md.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/forward.h"
#include "gradus/ops/slice_geometry.h"

namespace gradus {

struct PadAttrs {
  std::vector<std::int64_t> paddings;
  Number constant_value = 0;
  template <class V>
  void visit(V& v) {
    v("paddings", paddings, "before_0, after_0, before_1, after_1, ...");
    v("constant_value", constant_value, "value of the new elements; for integers an integer within their range");
  }
};

struct MirrorPadAttrs {
  std::vector<std::int64_t> paddings;
  template <class V>
  void visit(V& v) {
    v("paddings", paddings, "before_0, after_0, before_1, after_1, ...; each smaller than its dimension");
  }
};

enum class PadMode { kConstant, kReflect };

// x with paddings {before_0, after_0, before_1, ...} around it: constant_value, or x's own elements mirrored at the border
// without repeating it (reflect; then paddings must be smaller than their dimension). Throws InvalidArgument, also for a
// constant_value that x's dtype does not hold (core/number.h).
Output pad(const Output& x, const std::vector<std::int64_t>& paddings, PadMode mode = PadMode::kConstant,
           Number constant_value = 0, At at = {});

// The adjoint of pad() by reflection, which is its gradient: dy without the paddings, whose elements are added to those they mirror.
Output mirror_pad_grad(const Output& dy, const MirrorPadAttrs& attrs, At at = {});

}  // namespace gradus
