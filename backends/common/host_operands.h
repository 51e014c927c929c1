// What kernels that depend on the values of host operands keep from prepare(): the same for every backend, since it is computed on the
// host. Where the values are not known yet, prepare() is called again with them.
#pragma once

#include <cstdint>

#include "gradus/core/kernel.h"

namespace gradus::common {

// Slice, SliceGrad, StridedSlice and StridedSliceGrad: keep a SliceWindow (ops/slice_geometry.h) on the sliced tensor.
void prepare_slice(KernelContext& c);
void prepare_slice_grad(KernelContext& c);
void prepare_strided_slice(KernelContext& c);
void prepare_strided_slice_grad(KernelContext& c);

// Range: start + i * delta; `limit` is in the result's shape.
struct Range {
  std::int64_t start = 0, delta = 0;
};
void prepare_range(KernelContext& c);

}  // namespace gradus::common
